"""Servers for tests: each on a free port of its own, in a directory of its own, ended by its pid, and every wait bounded."""

import http.server
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("LEDGERLINE_PROGRAM", str(ROOT / "build/release/ledgerline"))

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
CALL_SECONDS_MAX = 20
LOOK_AGAIN_SECONDS = 0.1


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def eventually(holds, seconds_max, what):
    """Looks until holds() is true and returns what it returned. For states of other processes that no signal announces."""
    end = time.monotonic() + seconds_max
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds_max} s: {what() if callable(what) else what}")
        time.sleep(LOOK_AGAIN_SECONDS)


def tool(name):
    found = shutil.which(name)
    if not found:
        raise AssertionError(f"{name} is missing: run scripts/bootstrap --observe")
    return found


def jaeger_program():
    done = subprocess.run([ROOT / "scripts/jaeger", "path"], capture_output=True, text=True, timeout=CALL_SECONDS_MAX)
    if done.returncode != 0:
        raise AssertionError(done.stderr.strip())
    return done.stdout.strip()


def call(url, body=None, headers=None, method=None):
    """(status, text) of one HTTP call; status 0 when there was no answer."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS_MAX) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


def get_json(url):
    status, text = call(url)
    if status != 200:
        raise AssertionError(f"{url}: {status} {text[:500]}")
    return json.loads(text)


class Server:
    """A process with its log in a file. Used with `with`: it is gone afterwards."""

    def __init__(self, name, command, directory, ready, environment=None, user=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self._ready = ready
        self._environment = {**os.environ, **(environment or {})}
        self._user = user
        self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        log = open(self.log_path, "ab")
        who = pwd.getpwnam(self._user) if self._user else None
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True,
            **({"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}))
        log.close()
        try:
            eventually(self._is_ready, START_SECONDS_MAX, lambda: f"{self.name} ready; its log ends: {self.log()[-1500:]}")
        except AssertionError:
            self.stop()
            raise
        return self

    def _is_ready(self):
        if self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self._process.returncode}: {self.log()[-1500:]}")
        return self._ready()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self):
        """As a crash does. start() creates it again."""
        if self._process:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
            self._process = None

    def stop(self, with_signal=signal.SIGTERM):
        if not self._process:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
        self._process = None


class Postgres(Server):
    """A cluster that trusts everybody who reaches its socket or loopback."""

    def __init__(self, directory):
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not binaries:
            raise AssertionError("PostgreSQL is missing: run scripts/bootstrap")
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._binaries = binaries[-1]
        self.data = pathlib.Path(directory) / "postgres"
        user = "postgres" if os.geteuid() == 0 else None
        command = [self._binaries / "postgres", "-D", self.data, "-p", self.port, "-c", "listen_addresses=127.0.0.1",
                   "-c", "unix_socket_directories=", "-c", "fsync=off"]
        super().__init__("postgres", command, directory, self._answers, user=user)
        self._make_cluster(user)

    def _make_cluster(self, user):
        self.data.mkdir(mode=0o700)
        if user:
            shutil.chown(self.data, user)
        subprocess.run([self._binaries / "initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-N"], check=True,
                       stdout=subprocess.DEVNULL, timeout=START_SECONDS_MAX, user=user)

    def _answers(self):
        return subprocess.run([self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              timeout=CALL_SECONDS_MAX).returncode == 0

    def sql(self, text):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url], input=text, text=True,
                              capture_output=True, timeout=CALL_SECONDS_MAX)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def stop(self, with_signal=signal.SIGQUIT):
        super().stop(with_signal)


class Ledgerline(Server):
    """One process of the program. words: the command and its flags, without --listen."""

    def __init__(self, name, words, directory, environment=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(name, [PROGRAM, *words, "--listen", f"127.0.0.1:{self.port}"], directory,
                         lambda: call(self.url + "/readyz")[0] == 200, environment)


class Prometheus(Server):
    def __init__(self, directory, config):
        """config: the directory with prometheus.yml."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        assets = pathlib.Path(directory) / "assets"
        shutil.copytree(ROOT / "docs/runbooks", assets / "runbooks", dirs_exist_ok=True)
        command = [tool("prometheus"), f"--config.file={config}/prometheus.yml", f"--storage.tsdb.path={directory}/tsdb",
                   f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.url}",
                   f"--web.user-assets={assets}", "--log.level=warn"]
        super().__init__("prometheus", command, directory, lambda: call(self.url + "/-/ready")[0] == 200)

    def query(self, expression):
        """The result's samples, for an instant vector, a scalar or a matrix."""
        answer = get_json(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        return answer["data"]["result"]

    def rules(self):
        groups = get_json(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def runbooks(self):
        """alert -> the address of its page, of each alert that fires or is about to."""
        alerts = get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["annotations"]["runbook_url"] for alert in alerts}

    def firing(self):
        """(name, labels) of each alert that fires now."""
        alerts = get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return [(alert["labels"]["alertname"], alert["labels"]) for alert in alerts if alert["state"] == "firing"]


class Alertmanager(Server):
    """The repository's, but for its waits, and with receivers that hand everything to `webhook`."""

    def __init__(self, directory, webhook):
        self.port = free_port()
        config = pathlib.Path(directory) / "alertmanager.yml"
        text = (ROOT / "infra/alertmanager/alertmanager.yml").read_text()
        text = re.sub(r"group_wait: \w+", "group_wait: 0s", text)
        text = re.sub(r"group_interval: \w+", "group_interval: 1s", text)
        text = re.sub(r"^  - name: (\w+)$", "\\g<0>\n    webhook_configs: [{url: 'http://127.0.0.1:%d/\\1', send_resolved: true}]" % webhook,
                      text, flags=re.MULTILINE)
        config.write_text(text)
        command = [tool("prometheus-alertmanager"), f"--config.file={config}", f"--storage.path={directory}/alertmanager",
                   f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=", "--log.level=warn"]
        super().__init__("alertmanager", command, directory, lambda: call(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200)


class Webhook:
    """Keeps what it is sent, and of that the alerts of an alertmanager: (status, name), and which severity went to whom."""

    def __enter__(self):
        self.received, self.receivers, self.bodies = [], set(), []
        received, receivers, bodies = self.received, self.receivers, self.bodies

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                bodies.append(body)
                alerts = body.get("alerts", [])
                received.extend((alert["status"], alert["labels"]["alertname"]) for alert in alerts)
                receivers.update((alert["labels"]["severity"], self.path.lstrip("/")) for alert in alerts)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Kafka:
    """A broker of scripts/kafka. Its data survives stop() and start()."""

    def __init__(self, directory):
        self._directory = pathlib.Path(directory) / "kafka"
        self._port = free_port()
        self.brokers = f"127.0.0.1:{self._port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._run("start", "--dir", self._directory, "--port", self._port)

    def stop(self):
        self._run("stop", "--dir", self._directory)

    def _run(self, *words):
        done = subprocess.run([ROOT / "scripts/kafka", *map(str, words)], capture_output=True, text=True, timeout=START_SECONDS_MAX)
        if done.returncode != 0:
            raise AssertionError(f"scripts/kafka {words[0]}: {done.stderr[-1500:]}")


class Jaeger(Server):
    """infra/jaeger on free ports."""

    def __init__(self, directory):
        self._query = free_port()
        self._otlp = free_port()
        health = free_port()
        self.endpoint = f"http://127.0.0.1:{self._otlp}"
        environment = {"JAEGER_HOST": "127.0.0.1", "JAEGER_QUERY_PORT": self._query, "JAEGER_QUERY_GRPC_PORT": free_port(),
                       "JAEGER_OTLP_PORT": self._otlp, "JAEGER_HEALTH_PORT": health}
        super().__init__("jaeger", [jaeger_program(), "--config", ROOT / "infra/jaeger/jaeger.yml"], directory,
                         lambda: call(f"http://127.0.0.1:{health}/status")[0] == 200,
                         {name: str(value) for name, value in environment.items()})

    def spans(self, trace_id):
        """The spans of a trace as Jaeger's API tells them, each with its service's name as `service`."""
        status, text = call(f"http://127.0.0.1:{self._query}/api/traces/{trace_id}")
        if status == 404:
            return []
        if status != 200:
            raise AssertionError(f"Jaeger: {status} {text[:500]}")
        found = []
        for trace in json.loads(text)["data"]:
            for span in trace["spans"]:
                found.append({**span, "service": trace["processes"][span["processID"]]["serviceName"],
                              "attributes": {tag["key"]: tag["value"] for tag in span["tags"]}})
        return found
