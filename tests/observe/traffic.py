"""Requests as clients send them, the wrong ones included, at a bounded rate until they are told to stop."""

import json
import threading
import uuid

import servers

ACCOUNTS = 12
# One round sends a dozen requests.
SECONDS_BETWEEN_ROUNDS = 0.1

# Every event of this account is refused by the database: what a broken row would do.
POISON = """
CREATE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'poisoned by the test' USING ERRCODE = '{code}';
END $$;
CREATE TRIGGER test_poison BEFORE INSERT ON decisions FOR EACH ROW WHEN (NEW.account_id = '{account}' AND NEW.kind <> 'PARKED' AND NEW.failure_code IS DISTINCT FROM 'discarded')
EXECUTE FUNCTION test_poison();
"""
CURE = "DROP FUNCTION IF EXISTS test_poison() CASCADE;"
PERMANENT, UNKNOWN = "check_violation", "raise_exception"


def open_account(url, currency="EUR"):
    status, text = servers.call(url + "/v1/accounts", {"currency": currency})
    if status != 201:
        raise AssertionError(f"{status} {text}")
    return json.loads(text)["id"]


def transaction(account, amount_cents=100, kind="CREDIT", currency="EUR"):
    return {"account_id": account, "amount_cents": amount_cents, "type": kind, "currency": currency,
            "idempotency_key": str(uuid.uuid4())}


def post(url, body, wait_seconds=0, headers=None):
    """The transaction as the answer tells it; None when it was refused."""
    prefer = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
    status, text = servers.call(url + "/v1/transactions", body, {**prefer, **(headers or {})})
    return json.loads(text) if status == 201 else None


class Traffic:
    """Used with `with`: a thread sends rounds until the end of the block. Failures are part of it and are not reported."""

    def __init__(self, url):
        self.url = url
        self.rounds = 0
        self._accounts = [open_account(url, currency) for currency in ("EUR", "CZK") for _ in range(ACCOUNTS // 2)]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(servers.STOP_SECONDS_MAX)

    def _run(self):
        while not self._stopping.is_set():
            self._round()
            self.rounds += 1
            self._stopping.wait(SECONDS_BETWEEN_ROUNDS)

    def _round(self):
        url, account = self.url, self._accounts[self.rounds % ACCOUNTS]
        currency = "EUR" if self.rounds % ACCOUNTS < ACCOUNTS // 2 else "CZK"
        body = transaction(account, 250, currency=currency)
        post(url, body, wait_seconds=2)
        post(url, body)                                                                   # a replay
        post(url, {**body, "amount_cents": 251})                                          # the key used again: 422
        post(url, transaction(account, 10**9, "DEBIT", currency), wait_seconds=2)         # insufficient balance
        post(url, transaction(account, 5, "DEBIT", currency))
        servers.call(url + "/v1/transactions/batch",
                     {"transactions": [transaction(account, 1, currency=currency) for _ in range(5)]})
        servers.call(url + "/v1/transactions", b"{")                                      # 400
        servers.call(url + f"/v1/accounts/{account}")
        servers.call(url + f"/v1/accounts/{account}/entries?limit=5")
        servers.call(url + f"/v1/transactions/{uuid.uuid4()}")                            # 404
        servers.call(url + "/v1/transactions", method="DELETE")                           # 405
        servers.call(url + "/nowhere")                                                    # 404
