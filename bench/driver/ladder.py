"""The ladder: every rung's load, and what is measured while it runs."""

import contextlib
import dataclasses
import json
import re
import subprocess
import time

import processes
from database import Snapshot
from processes import Failed
from server import Follower

CURRENCY = "EUR"
ACCOUNTS = 10_000
DRAIN_SECONDS_MAX = 60
# What may be accepted and not yet applied at the end of a measurement.
LAG_SECONDS_MAX = 1.0
_LOOK_AGAIN_SECONDS = 0.05
_SLOW_FLUSH_MICROS = 2000


@dataclasses.dataclass(frozen=True)
class Rung:
    name: str
    title: str
    load: tuple                     # arguments of the generator
    is_ceiling: bool = True         # closed loop, as fast as it goes; the others are latencies
    seconds: float = None           # None: those of the run
    half_of: str = None             # open loop at half the rate of that rung
    places: int = 1                 # of each transaction, in the lanes of as many accounts
    once: bool = False              # in the last repetition only
    on_kafka: bool = False          # separate roles, instead of `up`
    workers: int = 1                # of these roles: from this rung on
    beside: str = None              # what happens meanwhile: "snapshot", "slow-flush", "follower"
    compared_with: str = None       # the rung whose rate it should keep


RUNGS = (
    Rung("single-16", "single requests, 16 connections", ("--connections", 16)),
    Rung("single-64", "single requests, 64", ("--connections", 64)),
    Rung("single-256", "single requests, 256", ("--connections", 256)),
    Rung("batch-100", "calls of 100, 8 connections", ("--connections", 8, "--batch", 100)),
    Rung("batch-1000", "calls of 1,000, 4 connections", ("--connections", 4, "--batch", 1000)),
    Rung("hot-64", "one hot account, 64 connections", ("--connections", 64, "--hot")),
    Rung("transfer-256", "transfers, 256 connections", ("--connections", 256, "--transfers"), places=2),
    Rung("transfer-100", "calls of 100 transfers, 8 connections", ("--connections", 8, "--batch", 100, "--transfers"),
         places=2),
    Rung("outcome", "outcome by Prefer: wait, idle", ("--connections", 1, "--requests", 300, "--prefer-wait", 10),
         is_ceiling=False, seconds=60),
    Rung("acceptance", "acceptance at half of single-256", ("--connections", 256), is_ceiling=False,
         half_of="single-256"),
    Rung("snapshot-256", "single-256 beside an open snapshot", ("--connections", 256), once=True, beside="snapshot",
         compared_with="single-256"),
    Rung("slow-flush-256", "single-256, a flush takes 2 ms", ("--connections", 256), once=True, beside="slow-flush",
         compared_with="single-256"),
    Rung("followed-256", "single-256, a client follows the outcomes", ("--connections", 256), once=True, beside="follower",
         compared_with="single-256"),
    Rung("kafka-256", "roles on Kafka, single requests, 256", ("--connections", 256), once=True, on_kafka=True),
    Rung("kafka-100", "roles on Kafka, calls of 100, 8 connections", ("--connections", 8, "--batch", 100), once=True,
         on_kafka=True),
    Rung("kafka-outcome", "roles on Kafka, outcome by Prefer: wait",
         ("--connections", 1, "--requests", 300, "--prefer-wait", 10), is_ceiling=False, seconds=60, once=True,
         on_kafka=True),
    Rung("kafka-transfer-256", "roles on Kafka, transfers, 256", ("--connections", 256, "--transfers"), places=2,
         once=True, on_kafka=True),
    Rung("kafka-workers-256", "the same with four workers", ("--connections", 256, "--transfers"), places=2, once=True,
         on_kafka=True, workers=4, compared_with="kafka-transfer-256"),
)

# name: (directory under bench/peers, clients)
PEERS = {"plain-sql-16": ("plain", 16), "plain-sql-64": ("plain", 64),
         "pgledger-16": ("pgledger", 16), "pgledger-64": ("pgledger", 64),
         "outbox-16": ("outbox", 16), "outbox-64": ("outbox", 64)}
PEERS_NAME = "peers"


def chosen(names):
    """The rungs of these names in their order, with those that others are derived from."""
    known = [rung.name for rung in RUNGS] + [PEERS_NAME]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no rung '{name}'; there are {', '.join(known)}")
    wanted = set(names) | {other for rung in RUNGS if rung.name in names for other in (rung.half_of, rung.compared_with) if other}
    return [rung for rung in RUNGS if rung.name in wanted]


def progress_of(database):
    """What the lanes hold, in one look: time, applied, accepted, bytes of WAL and full page images written so far."""
    row = database.rows(
        "SELECT extract(epoch FROM clock_timestamp()), sum(applied_seq), sum(last_seq), "
        "pg_current_wal_lsn() - '0/0'::pg_lsn, (SELECT wal_fpi FROM pg_stat_wal) FROM lane_cursors")[0]
    return {"time": float(row[0]), "applied": int(row[1]), "last": int(row[2]), "wal_bytes": int(row[3]),
            "page_images": int(row[4])}


def size_of(database):
    return int(database.value("SELECT pg_database_size(current_database())"))


class Ladder:
    """Runs loads against one server."""

    def __init__(self, children, generator, server, accounts_file, seed, inspector):
        self._children = children
        self._generator = generator
        self._server = server
        self._accounts_file = accounts_file
        self._seed = seed
        self._inspector = inspector
        self._runs = 0

    def _sample(self, told):
        busy, total = processes.machine_cpu_seconds()
        return {**progress_of(self._server.database), "told": told(),
                "postgres_cpu": self._server.cluster_cpu_seconds(), "ledgerline_cpu": self._server.cpu_seconds(),
                "broker_cpu": self._server.broker_cpu_seconds(), "busy_cpu": busy, "total_cpu": total}

    def _load(self, arguments, told):
        """The generator's result, with our samples from the begin and the end of its measurement."""
        self._runs += 1
        command = [self._generator, "--port", self._server.port, "--accounts", self._accounts_file, "--currency",
                   CURRENCY, "--seed", self._seed + self._runs, "--key-prefix", f"run-{self._runs:02}", *arguments]
        child = self._children.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        samples, result = {}, None
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "result":
                result = event
            else:
                samples[event["event"]] = self._sample(told)
        message = child.stderr.read().strip()
        code = child.wait()
        self._children.stop(child)
        if code != 0 or not result:
            raise Failed(f"the load generator ended with {code}: {message}; {self._server.log_end()}")
        return result, samples["begin"], samples["end"]

    def drained(self):
        """Waits. Seconds until everything accepted was applied, and the number applied then."""
        begin = time.monotonic()
        while True:
            now = progress_of(self._server.database)
            if now["applied"] >= now["last"]:
                return time.monotonic() - begin, now["applied"]
            if time.monotonic() - begin > DRAIN_SECONDS_MAX:
                raise Failed(f"{now['last'] - now['applied']} events are still not applied {DRAIN_SECONDS_MAX} s after "
                             f"the load; {self._server.log_end()}")
            time.sleep(_LOOK_AGAIN_SECONDS)

    @contextlib.contextmanager
    def _beside(self, what):
        """Gives what says how many outcomes were told so far, or None where nobody hears them."""
        with contextlib.ExitStack() as beside:
            told = self._server.outcomes_published
            if what == "snapshot":
                beside.enter_context(Snapshot(self._children, self._server.database))
            elif what == "follower":
                told = beside.enter_context(Follower(self._server.port)).outcomes
            elif what == "slow-flush":
                self._server.set_flush_micros(_SLOW_FLUSH_MICROS)
                beside.callback(self._server.set_flush_micros, 0)
            yield told

    def measure(self, rung, warm_up, seconds, rates):
        """One repetition of a rung. rates: of the rungs before, by name."""
        arguments = [*rung.load, "--warm-up", warm_up, "--seconds", rung.seconds or seconds]
        offered = rates[rung.half_of] / 2 if rung.half_of else None
        if offered:
            arguments += ["--rate", f"{offered:.1f}"]
        applied_before = progress_of(self._server.database)["applied"]
        size_before = size_of(self._server.database)
        self._inspector.forget_statements()
        with self._beside(rung.beside) as told:
            result, begin, end = self._load(arguments, told)
        drain_seconds, applied_after = self.drained()
        applied = (end["applied"] - begin["applied"]) / rung.places
        waiting = (end["last"] - end["applied"]) / rung.places
        took = end["time"] - begin["time"]
        rate = applied / took
        each = max(applied, 1)
        generator_cpu = result["user_cpu_seconds"] + result["system_cpu_seconds"]
        ours = sum(end[key] - begin[key] for key in ("postgres_cpu", "ledgerline_cpu", "broker_cpu")) + generator_cpu
        others = end["busy_cpu"] - begin["busy_cpu"] - ours
        measured = {
            "others_cpu_share": max(others, 0) / max(end["total_cpu"] - begin["total_cpu"], 0.01),
            "seconds": took, "applied": applied, "applied_per_second": rate, "offered_per_second": offered,
            "lag_events": waiting, "lag_seconds": waiting / max(rate, 1),
            "drain_seconds": drain_seconds,
            "postgres_cpu_us": (end["postgres_cpu"] - begin["postgres_cpu"]) * 1e6 / each,
            "ledgerline_cpu_us": (end["ledgerline_cpu"] - begin["ledgerline_cpu"]) * 1e6 / each,
            "broker_cpu_us": (end["broker_cpu"] - begin["broker_cpu"]) * 1e6 / each,
            "generator_cpu_us": generator_cpu * 1e6 / each,
            "wal_bytes": (end["wal_bytes"] - begin["wal_bytes"]) / each,
            "page_images": end["page_images"] - begin["page_images"],
            "p50_ms": result["latency_ms"]["p50"], "p99_ms": result["latency_ms"]["p99"],
            "memory_mb": self._server.peak_memory_mb(), "generator": result}
        if end["told"] is not None:
            measured["told_per_second"] = (end["told"] - begin["told"]) / took
        if rung.compared_with:
            measured["kept"] = rate / rates[rung.compared_with]
        shares = self._inspector.bytes_by_table(self._server.database, begin["wal_bytes"], end["wal_bytes"])
        measured["wal_bytes_by_table"] = {name: share * measured["wal_bytes"] for name, share in shares.items()}
        # From the first payment to the last.
        settled = max((applied_after - applied_before) / rung.places, 1)
        measured["disk_bytes"] = (size_of(self._server.database) - size_before) / settled
        measured["statements"] = [{"text": text, "calls": calls, "us": micros / settled}
                                  for text, calls, micros in self._inspector.slowest_statements(self._server.database)]
        measured["faults"] = faults_of(measured, (applied_after - applied_before) / rung.places)
        return measured


def faults_of(measured, applied):
    """What makes the figures of a rung worthless, in words. applied: from its first request to the last."""
    result = measured["generator"]
    faults = []
    if measured["lag_seconds"] > LAG_SECONDS_MAX:
        faults.append(f"{measured['lag_events']} events were waiting at the end: {measured['lag_seconds']:.1f} s of the "
                      "rate")
    for what in ("refused", "unsettled", "unknown", "broken", "unsent"):
        if result[what]:
            faults.append(f"{result[what]} {what} ({result['statuses']})")
    if not result["accepted"] <= applied <= result["accepted"] + result["unknown"]:
        faults.append(f"{result['accepted']} were accepted and {applied} applied")
    return faults


def rate_of(pgbench_output):
    """(transactions a second, transactions) as pgbench tells them."""
    rate = re.search(r"^tps = ([0-9.]+) ", pgbench_output, re.MULTILINE)
    number = re.search(r"^number of transactions actually processed: ([0-9]+)", pgbench_output, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: ([0-9]+)", pgbench_output, re.MULTILINE)
    if not rate or not number or (failed and int(failed[1])):
        raise Failed(f"pgbench: {pgbench_output.strip()[-500:]}")
    return float(rate[1]), int(number[1])


class Pgbench:
    """pgbench in databases of its own on the same cluster."""

    TPCB = ("-c", "16", "-j", "2")
    SCALE = 10

    def __init__(self, server, peers_dir):
        self._server = server
        self._peers_dir = peers_dir

        self._server.database.rows("CREATE DATABASE bench_tpcb")

    def prepare_peers(self):
        database = self._server.database
        database.rows("CREATE DATABASE bench_peers")
        for directory in sorted({directory for directory, _ in PEERS.values()}):
            database.run_file(self._peers_dir / directory / "setup.sql", "bench_peers")

    def _measure(self, database, arguments, seconds):
        begin, cpu = progress_of(self._server.database), self._server.cluster_cpu_seconds()
        rate, number = rate_of(self._server.database.pgbench(database, [*arguments, "-T", str(seconds)], seconds + 120))
        end = progress_of(self._server.database)
        each = max(number, 1)
        return {"per_second": rate, "postgres_cpu_us": (self._server.cluster_cpu_seconds() - cpu) * 1e6 / each,
                "wal_bytes": (end["wal_bytes"] - begin["wal_bytes"]) / each}

    def yardstick(self, seconds):
        # New tables each time, so that no repetition pays for the rows and page images of those before.
        self._server.database.pgbench("bench_tpcb", ["-i", "-q", "-s", str(self.SCALE)], 300)
        return self._measure("bench_tpcb", self.TPCB, seconds)

    def peer(self, name, seconds):
        directory, clients = PEERS[name]
        script = self._peers_dir / directory / "payment.sql"
        arguments = ["-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", "2"]
        return self._measure("bench_peers", arguments, seconds)
