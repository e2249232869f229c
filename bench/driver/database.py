"""A database of the cluster, and what its settings and its write-ahead log say."""

import pathlib
import subprocess
import urllib.parse

from processes import PATH, Failed

PREPARE_SECONDS_MAX = 600
_END = "--end of rows--"
_STATEMENTS_MAX = 8
# Of the log, no more than this is looked into: its end.
_WAL_BYTES_MAX = 64 * 1024 * 1024


def with_database(url, name):
    """The same URL for another database of the cluster."""
    return urllib.parse.urlsplit(url)._replace(path=f"/{name}").geturl()


class Database:
    """One psql that is kept open, so that a look costs a round trip and no new session."""

    def __init__(self, children, url):
        self._children = children
        parts = urllib.parse.urlsplit(url)
        more = dict(urllib.parse.parse_qsl(parts.query))
        self._environment = {
            **PATH, "LC_ALL": "C", "PGHOST": more.get("host") or parts.hostname,
            "PGPORT": more.get("port") or str(parts.port or 5432), "PGUSER": urllib.parse.unquote(parts.username),
            "PGPASSWORD": urllib.parse.unquote(parts.password or ""),
            "PGDATABASE": parts.path.lstrip("/"), "PGAPPNAME": "ledgerline-bench"}
        self.url = url
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

    def run_file(self, path, database=None, variables=None):
        words = [word for name, value in (variables or {}).items() for word in ("-v", f"{name}={value}")]
        code, _, err = self._children.output(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, "-f", path], PREPARE_SECONDS_MAX,
            env={**self._environment, **({"PGDATABASE": database} if database else {}),
                 "PGOPTIONS": "-c client_min_messages=warning"})
        if code != 0:
            raise Failed(f"{path}: {err.strip()}")

    def pgbench(self, database, arguments, seconds_max):
        """What it printed."""
        code, out, err = self._children.output([pathlib.Path(self._bin_dir) / "pgbench", *arguments], seconds_max,
                                               env={**self._environment, "PGDATABASE": database})
        if code != 0:
            raise Failed(f"pgbench: {err.strip()[-500:]}")
        return out

    def close(self):
        self._children.stop(self._psql)


class Snapshot:
    """A snapshot that is held open, as by a dump or a forgotten BEGIN. Used with `with`."""

    def __init__(self, children, database):
        self._session = Database(children, database.url)

    def __enter__(self):
        self._session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self._session.rows("SELECT count(*) FROM lane_cursors")

    def __exit__(self, *_):
        self._session.close()


class Inspector:
    """Who fills the write-ahead log, and which statements take the time: pg_walinspect and, where it is loaded,
    pg_stat_statements, in a database of their own."""

    DATABASE = "bench_inspector"

    def __init__(self, children, database):
        database.rows(f"CREATE DATABASE {self.DATABASE}")
        self._tools = Database(children, with_database(database.url, self.DATABASE))
        self._tools.rows("CREATE EXTENSION pg_walinspect")
        self._has_statements = database.value("SHOW shared_preload_libraries") == "pg_stat_statements"
        if self._has_statements:
            self._tools.rows("CREATE EXTENSION pg_stat_statements")

    def forget_statements(self):
        if self._has_statements:
            self._tools.rows("SELECT pg_stat_statements_reset()")

    def slowest_statements(self, database):
        """Since they were forgotten: (the beginning of each statement's text, calls, microseconds in all)."""
        if not self._has_statements:
            return []
        own = database.value("SELECT oid FROM pg_database WHERE datname = current_database()")
        return [(text, int(calls), float(micros)) for text, calls, micros in self._tools.rows(
            "SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 70), calls, total_exec_time * 1000 "
            f"FROM pg_stat_statements WHERE dbid = {own} ORDER BY total_exec_time DESC LIMIT {_STATEMENTS_MAX}")]

    def bytes_by_table(self, database, begin, end):
        """Of the log from byte begin to end: the share of each table and of its indexes, largest first. A record counts
        for the first block that it names; "commits" are the records that name none."""
        begin = max(begin, end - _WAL_BYTES_MAX)
        relations = dict((int(node), name) for node, name in database.rows(
            "SELECT pg_relation_filenode(c.oid), coalesce(t.relname || ' indexes', c.relname) FROM pg_class c "
            "LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid "
            "WHERE pg_relation_filenode(c.oid) IS NOT NULL"))
        own = int(database.value("SELECT oid FROM pg_database WHERE datname = current_database()"))
        bytes_by_name, total = {}, 0
        for block, size in self._tools.rows(
                "SELECT substring(block_ref FROM 'rel [0-9]+/([0-9]+/[0-9]+)'), sum(record_length) "
                f"FROM pg_get_wal_records_info('0/0'::pg_lsn + {begin}, '0/0'::pg_lsn + {end}) GROUP BY 1"):
            in_database, _, node = block.partition("/")
            name = "commits" if not block else relations.get(int(node), "catalogs") if int(in_database) == own else "others"
            bytes_by_name[name] = bytes_by_name.get(name, 0) + int(size)
            total += int(size)
        return {name: size / max(total, 1) for name, size in sorted(bytes_by_name.items(), key=lambda one: -one[1])}


def settings_of(database):
    """The settings of the cluster on which the figures depend most."""
    names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_compression", "wal_buffers",
             "max_wal_size", "shared_buffers", "commit_delay", "checkpoint_timeout", "data_checksums")
    wanted = ", ".join(f"'{name}'" for name in names)
    return dict(database.rows(f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({wanted})"))
