"""Ledgerline as its users run it: in one process, or as roles on Kafka."""

import contextlib
import pathlib
import subprocess
import tempfile

import servers


class Installation(contextlib.ExitStack):
    """Servers and a directory for them, ended and removed with the block. environment is for the program's processes."""

    def __enter__(self):
        super().__enter__()
        self.directory = self.enter_context(tempfile.TemporaryDirectory(prefix="ledgerline-observe-"))
        # The database runs as another user and must get there.
        pathlib.Path(self.directory).chmod(0o755)
        return self

    def run(self, role, words, environment=None):
        return self.enter_context(servers.Ledgerline(role, words, self.directory, environment))


class Embedded(Installation):
    """`ledgerline up` with a private cluster, or on a PostgreSQL of its own, which a test can stop."""

    def __init__(self, private_cluster, environment=None):
        super().__init__()
        self._private_cluster = private_cluster
        self._environment = environment

    def __enter__(self):
        super().__enter__()
        words = ["up", "--data-dir", f"{self.directory}/data"]
        if not self._private_cluster:
            self.postgres = self.enter_context(servers.Postgres(self.directory))
            words += ["--database-url", self.postgres.url]
        self.api = self.run("up", words, self._environment)
        self.targets = {"up": [self.api.port]}
        return self


class Roles(Installation):
    """One api, one publisher and one worker on PostgreSQL and Kafka."""

    def __init__(self, environment=None):
        super().__init__()
        self._environment = environment

    def __enter__(self):
        super().__enter__()
        self.postgres = self.enter_context(servers.Postgres(self.directory))
        self.kafka = self.enter_context(servers.Kafka(self.directory))
        where = ["--database-url", self.postgres.url]
        subprocess.run([servers.PROGRAM, "migrate", "up", *where], check=True, stdout=subprocess.DEVNULL,
                       timeout=servers.START_SECONDS_MAX)
        where += ["--kafka-brokers", self.kafka.brokers]
        self.api = self.run("api", ["api", *where], self._environment)
        self.publisher = self.run("publisher", ["publisher", *where], self._environment)
        self.worker = self.run("worker", ["worker", *where], self._environment)
        self.targets = {role.name: [role.port] for role in (self.api, self.publisher, self.worker)}
        return self
