"""Ledgerline as its users start it: `up` on a private cluster, or separate roles on Kafka; and the calls to its API."""

import concurrent.futures
import contextlib
import http.client
import json
import mmap
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import threading
import time

import processes
from database import Database, with_database
from processes import PATH, Failed

READY = "ledgerline is ready: "
READY_SECONDS_MAX = 120
CALL_SECONDS_MAX = 60
VERIFY_SECONDS_MAX = 1800
BROKER_SECONDS_MAX = 180

# Enough for every debit of a run: the rungs move at most 100 a transaction, up and down.
FUNDS_CENTS = 10**12
OUTCOMES_PUBLISHED = "outcomes_published_total"

_ACCOUNT_THREADS = 16
_FUNDS_PER_CALL = 1000


class Server:
    """What all ways to run it have in common. What starts it sets _database_arguments, port, database and postmaster."""

    def __init__(self, children, program, directory):
        self._children = children
        self._program = program
        self._directory = directory
        self._processes = {}  # by name

    def _start(self, name, arguments, environment):
        """Its URL's port."""
        with open(self._directory / f"{name}.log", "wb") as log:
            process = self._children.start([self._program, *arguments, "--listen", "127.0.0.1:0"],
                                           stdout=subprocess.PIPE, stderr=log, env={**PATH, **environment})
        self._processes[name] = process
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            if select.select([process.stdout], [], [], 0.5)[0]:
                line = process.stdout.readline()
                if line.startswith(READY):
                    return int(line.rsplit(":", 1)[1].rstrip().rstrip("/"))
                if not line:
                    break
        raise Failed(f"{name} did not become ready; {self.log_end()}")

    def log_end(self):
        return "; ".join(f"the log of {name} ends: {(self._directory / f'{name}.log').read_text(errors='replace')[-1500:]}"
                         for name in self._processes)

    def _command(self, *arguments, environment=None):
        code, out, err = self._children.output([self._program, *arguments], CALL_SECONDS_MAX,
                                               env={**PATH, **(environment or {})})
        if code != 0:
            raise Failed(f"ledgerline {arguments[0]}: {err.strip()}")
        return out

    def version(self):
        return self._command("--version").split()[-1]

    def verify(self):
        """What it reports, and how long that took. Its violations are found, not raised."""
        begin = time.monotonic()
        code, out, err = self._children.output([self._program, "verify", "-o", "json"], VERIFY_SECONDS_MAX,
                                               env={**PATH, "DATABASE_URL": self.database.url})
        try:
            report = json.loads(out)
        except ValueError:
            report = out.strip()
        return {"clean": code == 0, "seconds": time.monotonic() - begin, "report": report, "message": err.strip()}

    def stats(self):
        return self.get("/stats")

    def get(self, path, connection=None):
        status, body = _call(connection or self.connection(), "GET", path)
        if status != 200:
            raise Failed(f"{path}: {status} {body}")
        return body

    def cpu_seconds(self):
        return sum(processes.cpu_seconds(process.pid) for process in self._processes.values())

    def cluster_cpu_seconds(self):
        return processes.cluster_cpu_seconds(self.postmaster)

    def broker_cpu_seconds(self):
        return 0.0

    def outcomes_published(self):
        """How many outcomes a broker has acknowledged so far; None without one."""
        return None

    def peak_memory_mb(self):
        """Of the largest process."""
        return max(processes.peak_memory_mb(process.pid) for process in self._processes.values())

    def open_accounts(self, number, currency):
        """Their ids; each holds FUNDS_CENTS."""
        with concurrent.futures.ThreadPoolExecutor(_ACCOUNT_THREADS) as threads:
            shares = [number // _ACCOUNT_THREADS + (i < number % _ACCOUNT_THREADS) for i in range(_ACCOUNT_THREADS)]
            ids = [one for ids in threads.map(lambda share: self._open_share(share, currency), shares) for one in ids]
        connection = self.connection()
        for begin in range(0, number, _FUNDS_PER_CALL):
            items = [{"account_id": one, "amount_cents": FUNDS_CENTS, "currency": currency, "type": "CREDIT",
                      "idempotency_key": "funds"} for one in ids[begin:begin + _FUNDS_PER_CALL]]
            status, body = _call(connection, "POST", "/v1/transactions/batch", {"transactions": items})
            if status != 200 or any(result["status"] != 201 for result in body["results"]):
                raise Failed(f"cannot fund the accounts: {status} {str(body)[:500]}")
        return ids

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS_MAX)

    def _open_share(self, number, currency):
        connection = self.connection()
        ids = []
        for _ in range(number):
            status, body = _call(connection, "POST", "/v1/accounts", {"currency": currency})
            if status != 201:
                raise Failed(f"cannot open an account: {status} {body}")
            ids.append(body["id"])
        return ids


class Ledgerline(Server):
    """`up`, started when it is made."""

    def __init__(self, children, program, directory, slow_flush):
        super().__init__(children, program, directory)
        data_dir = directory / "data"
        self.port = self._start("up", ["up", "--data-dir", data_dir], self._programs_of_postgres(slow_flush))
        url = self._command("database-url", "--data-dir", data_dir).strip()
        self.database = Database(children, url)
        self.postmaster = int((data_dir / "postgres/postmaster.pid").read_text().split()[0])

    def _programs_of_postgres(self, slow_flush):
        """A directory of PostgreSQL's programs, in which the server's has slow_flush preloaded."""
        setting, own = self._directory / "flush_micros", self._directory / "bin"
        setting.write_bytes(struct.pack("=i", 0))
        setting.chmod(0o644)
        with open(setting, "r+b") as file:
            self._flush_micros = mmap.mmap(file.fileno(), 4)
        library = self._directory / slow_flush.name
        library.write_bytes(slow_flush.read_bytes())
        own.mkdir()
        real = _postgres_programs(self._children)
        for program in real.iterdir():
            if program.name != "postgres":
                (own / program.name).symlink_to(program)
        server = own / "postgres"
        statistics = "-c shared_preload_libraries=pg_stat_statements" if self._has_statistics(real) else ""
        server.write_text(f"#!/bin/sh\nLEDGERLINE_BENCH_FLUSH='{setting}' LD_PRELOAD='{library}' "
                          f"exec '{real}/postgres' \"$@\" {statistics}\n")
        for one in (own, server, library):
            one.chmod(0o755)
        return {"LEDGERLINE_PG_BINDIR": str(own)}

    def _has_statistics(self, programs):
        code, out, _ = self._children.output([programs / "pg_config", "--pkglibdir"], CALL_SECONDS_MAX, env=PATH)
        library = pathlib.Path(out.strip()) if code == 0 else programs.parent / "lib"
        return (library / "pg_stat_statements.so").exists()

    def set_flush_micros(self, micros):
        """How long a flush of the write-ahead log takes at least, from now on."""
        self._flush_micros[:] = struct.pack("=i", micros)


class KafkaRoles(Server):
    """api, publisher and worker as processes of their own, on a broker of their own and a database beside that of
    `up`. Started when it is made."""

    def __init__(self, children, program, directory, kafka_script, beside):
        super().__init__(children, program, directory)
        broker = directory / "kafka"
        beside.database.rows("CREATE DATABASE bench_kafka")
        url = with_database(beside.database.url, "bench_kafka")
        self._command("migrate", "up", environment={"DATABASE_URL": url})
        self.database = Database(children, url)
        self.postmaster = beside.postmaster
        environment = {key: os.environ[key] for key in ("HOME", "LEDGERLINE_KAFKA_HOME") if key in os.environ}
        self._broker_command = lambda *words: children.output(
            [kafka_script, *words, "--dir", broker], BROKER_SECONDS_MAX, env={**PATH, **environment})
        children.at_end(lambda: self._broker_command("stop"))
        code, out, err = self._broker_command("start", "--port", str(_free_port()))
        if code != 0:
            raise Failed(f"cannot start a broker: {err.strip()[-500:]}")
        self._broker = int(self._broker_command("pid")[1])
        environment = {"DATABASE_URL": url, "KAFKA_BROKERS": out.split()[-1]}
        self._publisher_port = self._start("publisher", ["publisher"], environment)
        self._environment, self._workers = environment, 0
        self.have_workers(1)
        self.port = self._start("api", ["api"], environment)

    def have_workers(self, number):
        """Starts or stops workers until there are so many."""
        while self._workers < number:
            self._workers += 1
            self._start(f"worker-{self._workers}", ["worker"], self._environment)
        while self._workers > number:
            self._children.stop(self._processes.pop(f"worker-{self._workers}"))
            self._workers -= 1

    def broker_cpu_seconds(self):
        return processes.cpu_seconds(self._broker)

    def outcomes_published(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._publisher_port, timeout=CALL_SECONDS_MAX)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"the publisher's metrics: {error}") from None
        found = re.search(rf"^{OUTCOMES_PUBLISHED} (\S+)", text, re.MULTILINE)
        if not found:
            raise Failed(f"the publisher's metrics lack {OUTCOMES_PUBLISHED}")
        return int(float(found[1]))

    def set_flush_micros(self, _):
        raise Failed("only the cluster of `up` has slow flushes")


class Follower:
    """A client that follows the outcomes from now on as Server-Sent Events.

    Used with `with`; a thread of its own reads and counts.
    """

    _READ_BYTES = 1 << 20
    _DATA = b"\ndata: "

    def __init__(self, port):
        self._port, self._outcomes = port, 0

    def __enter__(self):
        self._socket = socket.create_connection(("127.0.0.1", self._port), CALL_SECONDS_MAX)
        self._socket.sendall(b"GET /v1/events?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def outcomes(self):
        return self._outcomes

    def _read(self):
        rest = b""
        with contextlib.suppress(OSError):
            while read := self._socket.recv(self._READ_BYTES):
                self._outcomes += (rest + read).count(self._DATA)
                rest = read[-len(self._DATA) + 1:]


def _postgres_programs(children):
    """The newest version's directory, where Debian has it; otherwise that of pg_config."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    code, out, err = children.output(["pg_config", "--bindir"], CALL_SECONDS_MAX, env=PATH)
    if code != 0:
        raise Failed(f"cannot find PostgreSQL's programs: {err.strip()}")
    return pathlib.Path(out.strip())


def _free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _call(connection, method, path, body=None):
    """(status, body) of one HTTP call."""
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{method} {path}: {error}") from None


def passable_directory(made):
    """For the user that PostgreSQL runs as, when we are root."""
    os.chmod(made, 0o755)
    return pathlib.Path(made)
