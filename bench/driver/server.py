"""`ledgerline up` on a private cluster of its own, as its users start it, and the way to its database."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import select
import subprocess
import time
import urllib.parse

import processes
from processes import Failed

READY = "ledgerline is ready: "
READY_SECONDS_MAX = 120
CALL_SECONDS_MAX = 60
VERIFY_SECONDS_MAX = 600
PREPARE_SECONDS_MAX = 120

# Enough for every debit of a run: the rungs move at most 100 a transaction, up and down.
FUNDS_CENTS = 10**12
_ACCOUNT_THREADS = 16
_FUNDS_PER_CALL = 1000
_END = "--end of rows--"
_PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Database:
    """One psql that is kept open, so that a look costs a round trip and no new session."""

    def __init__(self, children, url):
        self._children = children
        parts = urllib.parse.urlsplit(url)
        more = dict(urllib.parse.parse_qsl(parts.query))
        self._environment = {
            **_PATH, "LC_ALL": "C", "PGHOST": more.get("host") or parts.hostname,
            "PGPORT": more.get("port") or str(parts.port or 5432), "PGUSER": urllib.parse.unquote(parts.username), "PGPASSWORD": urllib.parse.unquote(parts.password or ""),
            "PGDATABASE": parts.path.lstrip("/"), "PGAPPNAME": "ledgerline-bench"}
        self._psql = children.start(
            ["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment)
        self._bin_dir = self.value("SELECT setting FROM pg_config WHERE name = 'BINDIR'")

    def rows(self, sql):
        self._psql.stdin.write(f"{sql};\n\\echo {_END}\n")
        self._psql.stdin.flush()
        lines = []
        for line in self._psql.stdout:
            if line.rstrip("\n") == _END:
                return [line.split("\t") for line in lines]
            lines.append(line.rstrip("\n"))
        raise Failed(f"psql ended: {' '.join(lines)}")

    def value(self, sql):
        return self.rows(sql)[0][0]

    def run_file(self, path, database):
        code, _, err = self._children.output(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path], PREPARE_SECONDS_MAX,
            env={**self._environment, "PGDATABASE": database, "PGOPTIONS": "-c client_min_messages=warning"})
        if code != 0:
            raise Failed(f"{path}: {err.strip()}")

    def pgbench(self, database, arguments, seconds_max):
        """What it printed."""
        code, out, err = self._children.output([pathlib.Path(self._bin_dir) / "pgbench", *arguments], seconds_max,
                                               env={**self._environment, "PGDATABASE": database})
        if code != 0:
            raise Failed(f"pgbench: {err.strip()[-500:]}")
        return out


class Ledgerline:
    """Started when it is made."""

    def __init__(self, children, program, directory):
        self._children = children
        self._program = program
        self._log = directory / "log"
        self.data_dir = directory / "data"
        with open(self._log, "wb") as log:
            self._process = children.start([program, "up", "--data-dir", self.data_dir, "--listen", "127.0.0.1:0"],
                                           stdout=subprocess.PIPE, stderr=log, env=_PATH)
        self.pid = self._process.pid
        self.port = self._wait_ready()
        url = self._command("database-url", "--data-dir", self.data_dir)
        self.database = Database(children, url.strip())
        self.postmaster = int((self.data_dir / "postgres/postmaster.pid").read_text().split()[0])

    def _wait_ready(self):
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            if select.select([self._process.stdout], [], [], 0.5)[0]:
                line = self._process.stdout.readline()
                if line.startswith(READY):
                    return int(line.rsplit(":", 1)[1].rstrip().rstrip("/"))
                if not line:
                    break
        raise Failed(f"ledgerline did not become ready; its log ends: {self.log_end()}")

    def log_end(self):
        return self._log.read_text(errors="replace")[-1500:]

    def _command(self, *arguments):
        code, out, err = self._children.output([self._program, *arguments], CALL_SECONDS_MAX, env=_PATH)
        if code != 0:
            raise Failed(f"ledgerline {arguments[0]}: {err.strip()}")
        return out

    def version(self):
        return self._command("--version").split()[-1]

    def verify(self):
        """What it reports, and how long that took. Its violations are found, not raised."""
        begin = time.monotonic()
        code, out, err = self._children.output(
            [self._program, "verify", "--data-dir", self.data_dir, "-o", "json"], VERIFY_SECONDS_MAX, env=_PATH)
        try:
            report = json.loads(out)
        except ValueError:
            report = out.strip()
        return {"clean": code == 0, "seconds": time.monotonic() - begin, "report": report, "message": err.strip()}

    def stats(self):
        status, body = _call(self._connection(), "GET", "/stats")
        if status != 200:
            raise Failed(f"/stats: {status} {body}")
        return body

    def cpu_seconds(self):
        return processes.cpu_seconds(self.pid)

    def cluster_cpu_seconds(self):
        return processes.cluster_cpu_seconds(self.postmaster)

    def peak_memory_mb(self):
        return processes.peak_memory_mb(self.pid)

    def open_accounts(self, number, currency):
        """Their ids; each holds FUNDS_CENTS."""
        with concurrent.futures.ThreadPoolExecutor(_ACCOUNT_THREADS) as threads:
            shares = [number // _ACCOUNT_THREADS + (i < number % _ACCOUNT_THREADS) for i in range(_ACCOUNT_THREADS)]
            ids = [one for ids in threads.map(lambda share: self._open_share(share, currency), shares) for one in ids]
        connection = self._connection()
        for begin in range(0, number, _FUNDS_PER_CALL):
            items = [{"account_id": one, "amount_cents": FUNDS_CENTS, "currency": currency, "type": "CREDIT",
                      "idempotency_key": "funds"} for one in ids[begin:begin + _FUNDS_PER_CALL]]
            status, body = _call(connection, "POST", "/v1/transactions/batch", {"transactions": items})
            if status != 200 or any(result["status"] != 201 for result in body["results"]):
                raise Failed(f"cannot fund the accounts: {status} {str(body)[:500]}")
        return ids

    def _connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS_MAX)

    def _open_share(self, number, currency):
        connection = self._connection()
        ids = []
        for _ in range(number):
            status, body = _call(connection, "POST", "/v1/accounts", {"currency": currency})
            if status != 201:
                raise Failed(f"cannot open an account: {status} {body}")
            ids.append(body["id"])
        return ids


def _call(connection, method, path, body=None):
    """(status, body) of one HTTP call."""
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{method} {path}: {error}") from None


def settings_of(database):
    """The settings of the cluster on which the figures depend most."""
    names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_compression", "wal_buffers",
             "max_wal_size", "shared_buffers", "commit_delay", "checkpoint_timeout", "data_checksums")
    wanted = ", ".join(f"'{name}'" for name in names)
    return dict(database.rows(f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({wanted})"))


def passable_directory(made):
    """For the user that PostgreSQL runs as, when we are root."""
    os.chmod(made, 0o755)
    return pathlib.Path(made)
