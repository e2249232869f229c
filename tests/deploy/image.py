"""An image and its containers without Docker: the steps of a Dockerfile in a chroot, and processes in namespaces."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

STEP_SECONDS_MAX = 900
STOP_SECONDS_MAX = 90


def instructions(text):
    """(instruction, its text) of a Dockerfile, in order; continued lines are one."""
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [tuple(line.split(None, 1)) for line in bare.replace("\\\n", " ").splitlines() if line.strip()]


def stages(text):
    """name or number -> (what it is from, its instructions)"""
    found, current = {}, []
    for word, rest in instructions(text):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = []
            found[name.strip() or str(len(found))] = (base.strip(), current)
        else:
            current.append((word, rest))
    return found


class Image:
    """Used with `with`. programs: what a step copies from another stage -> where it is here."""

    def __init__(self, dockerfile, bare_debian, programs):
        self._stages = stages(pathlib.Path(dockerfile).read_text())
        self._bare_debian, self._programs = bare_debian, programs
        self.environment, self.user = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, "0:0"
        self.entrypoint, self.command, self.healthcheck, self.volumes = [], [], [], []

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="ledgerline-image-", dir="/var/tmp")
        os.chmod(self._directory.name, 0o755)
        self.root = pathlib.Path(self._directory.name) / "root"
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", self._bare_debian], check=True, timeout=STEP_SECONDS_MAX)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        self._build(list(self._stages)[-1])
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    def _build(self, stage):
        base, steps = self._stages[stage]
        if base in self._stages:
            self._build(base)
        for word, rest in steps:
            getattr(self, f"_do_{word.lower()}")(rest)

    def inside(self, command):
        """The command line that runs one as the image's user, with its variables and nothing else."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return ["chroot", f"--userspec={self.user}", str(self.root), "/usr/bin/env", "-i", *variables, *command]

    def _do_run(self, rest):
        command = json.loads(rest) if rest.startswith("[") else ["/bin/sh", "-c", rest]
        # With /proc, which some packages' scripts need.
        done = subprocess.run(["unshare", "--mount", "sh", "-c", f'mount -t proc proc {self.root}/proc && exec "$@"', "sh",
                               *self.inside(command)], capture_output=True, text=True, timeout=STEP_SECONDS_MAX)
        assert done.returncode == 0, f"RUN {rest[:200]}: {done.stdout[-1500:]}{done.stderr[-1500:]}"

    def _do_copy(self, rest):
        what = re.fullmatch(r"--from=\w+ (\S+) (\S+)", rest)
        target = self.root / what[2].lstrip("/")
        shutil.copy(self._programs[what[1]], target)
        target.chmod(0o755)

    def _do_env(self, rest):
        self.environment.update(pair.split("=", 1) for pair in rest.split())

    def _do_user(self, rest):
        self.user = rest

    def _do_volume(self, rest):
        self.volumes.append(rest)

    def _do_entrypoint(self, rest):
        self.entrypoint = json.loads(rest)

    def _do_cmd(self, rest):
        self.command = json.loads(rest)

    def _do_healthcheck(self, rest):
        self.healthcheck = json.loads(re.search(r"CMD (\[.*\])", rest)[1])

    def _do_expose(self, _):
        pass

    def _do_stopsignal(self, rest):
        self.stop_signal = getattr(signal, rest)


class Container:
    """A run of an image: the first process of a PID namespace, with a network that has nothing but loopback, and with a root
    file system that it cannot write to but for its volumes. Used with `with`."""

    SCRIPT = """
        set -e
        mount --make-rprivate /
        mount --bind "$ROOT" "$ROOT"
        mount -t proc proc "$ROOT/proc"
        mount -t tmpfs tmpfs "$ROOT/dev/shm"
        mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
        for volume in $VOLUMES; do mount --bind "$ROOT$volume" "$ROOT$volume"; done
        mount -o remount,bind,ro "$ROOT"
        ip link set lo up
        exec "$@"
    """

    def __init__(self, image, *arguments, **variables):
        self._image, self._arguments, self._variables = image, arguments, variables

    def __enter__(self):
        self._log = tempfile.NamedTemporaryFile("r", prefix="ledgerline-container-")
        (self._image.root / "dev/shm").mkdir(exist_ok=True)
        command = [*self._image.entrypoint, *(self._arguments or self._image.command)]
        with open(self._log.name, "wb") as log:
            self._outer = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--mount", "--net", "--kill-child", "sh", "-c", self.SCRIPT, "sh",
                 *self._inside(command)], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "ROOT": str(self._image.root), "VOLUMES": " ".join(self._image.volumes)})
        return self

    def __exit__(self, *_):
        if self._outer.poll() is None:
            self._outer.kill()  # unshare takes its child along
            self._outer.wait(STOP_SECONDS_MAX)
        self._log.close()

    def _inside(self, command):
        words = self._image.inside(command)
        at = words.index("-i") + 1
        return words[:at] + [f"{name}={value}" for name, value in {**self._image.environment, **self._variables}.items()] + \
            command

    @property
    def _first(self):
        """The process, as it is known outside; 0 while there is none."""
        children = pathlib.Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def run(self, *command, **more):
        """As `docker exec` does."""
        words = ["nsenter", "--target", str(self._first), "--pid", "--mount", "--net", *self._inside(list(command))]
        return subprocess.run(words, capture_output=True, text=True, timeout=STOP_SECONDS_MAX, **more)

    def is_healthy(self):
        return self._outer.poll() is None and self._first != 0 and self.run(*self._image.healthcheck).returncode == 0

    def log(self):
        return pathlib.Path(self._log.name).read_text(errors="replace")

    def stop(self):
        """As `docker stop` does; the exit code."""
        os.kill(self._first, self._image.stop_signal)
        return self._outer.wait(STOP_SECONDS_MAX)
