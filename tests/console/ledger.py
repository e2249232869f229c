"""A server with keys and some money in it, for the browser to look at."""

import json
import pathlib
import subprocess
import tempfile
import uuid

import servers

KEY = "test-key-of-the-console-1"
OTHER_KEY = "test-key-of-the-console-2"

# Every event of this account is refused by the database: what a broken row would do.
POISON = """
CREATE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'poisoned by the test' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER test_poison BEFORE INSERT ON decisions FOR EACH ROW
WHEN (NEW.account_id = '{account}' AND NEW.kind <> 'PARKED' AND NEW.failure_code IS DISTINCT FROM 'discarded')
EXECUTE FUNCTION test_poison();
"""
CURE = "DROP FUNCTION IF EXISTS test_poison() CASCADE;"


class Ledger:
    """`ledgerline up`. Used with `with`."""

    def __init__(self, keys=(KEY,), options=()):
        self._keys, self._options = keys, options

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="ledgerline-console-")
        self.directory = pathlib.Path(self._directory.name)
        self.directory.chmod(0o755)  # the server runs as another user and must get there
        self.data = self.directory / "data"
        words = ["up", "--data-dir", self.data, "--webhook-allow", "127.0.0.0/8", *self._options]
        if self._keys:
            self.write_keys(*self._keys)
            words += ["--api-keys-file", self.directory / "keys"]
        self.server = servers.Ledgerline("up", words, self.directory)
        self.server.start()
        self.url = self.server.url
        return self

    def __exit__(self, *_):
        self.server.stop()
        self._directory.cleanup()

    def write_keys(self, *keys):
        path = self.directory / "keys"
        path.write_text("".join(key + "\n" for key in keys))
        path.chmod(0o600)

    def call(self, method, path, body=None, headers=None):
        headers = {**({"X-API-Key": self._keys[0]} if self._keys else {}), **(headers or {})}
        status, text = servers.call(self.url + path, body, headers, method)
        return status, json.loads(text) if text else None

    def get(self, path):
        status, answer = self.call("GET", path)
        assert status == 200, f"{path}: {status} {answer}"
        return answer

    def post(self, path, body, wait=True):
        status, answer = self.call("POST", path, body, {"Prefer": "wait=10"} if wait else {})
        assert status in (200, 201), f"{path}: {status} {answer}"
        return answer

    def account(self, reference, currency="EUR", **more):
        return self.post("/v1/accounts", {"reference": reference, "currency": currency, **more}, wait=False)["id"]

    def key(self, name, *scopes, **limits):
        """A stored key, with its secret as "key"."""
        return self.post("/v1/keys", {"name": name, "scopes": scopes, **limits}, wait=False)

    def pay(self, account, kind, cents, currency="EUR", wait=True, **more):
        return self.post("/v1/transactions", {"account_id": account, "type": kind, "amount_cents": cents, "currency": currency,
                                              "idempotency_key": str(uuid.uuid4()), **more}, wait)

    def hold(self, account, cents, **more):
        return self.post("/v1/holds", {"account_id": account, "amount_cents": cents, "currency": "EUR",
                                       "idempotency_key": str(uuid.uuid4()), **more})

    def pay_many(self, account, count):
        """count credits of 1.00, as batches."""
        for begin in range(0, count, 1000):
            items = [{"account_id": account, "type": "CREDIT", "amount_cents": 100, "currency": "EUR",
                      "idempotency_key": f"many-{n}"}
                     for n in range(begin, min(count, begin + 1000))]
            self.post("/v1/transactions/batch", {"transactions": items})

    def sql(self, text):
        url = subprocess.run([servers.PROGRAM, "database-url", "--data-dir", self.data], check=True, capture_output=True,
                             text=True, timeout=servers.CALL_SECONDS_MAX).stdout.strip()
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url], input=text, text=True, check=True,
                       stdout=subprocess.DEVNULL, timeout=servers.CALL_SECONDS_MAX)

    def park(self, reference, count):
        """That many transactions that become dead letters. What made them so is gone afterwards."""
        account = self.account(reference)
        self.sql(POISON.format(account=account))
        for n in range(count):
            self.pay(account, "CREDIT", 1000 + n)
        self.sql(CURE)
        return account

    def letters(self, state, account):
        return self.get(f"/v1/dead-letters?state={state}&account_id={account}")["dead_letters"]
