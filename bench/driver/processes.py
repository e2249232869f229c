"""Processes: what they cost, and that none of ours is left behind."""

import os
import pathlib
import signal
import subprocess

STOP_SECONDS_MAX = 60
# The environment of what a run starts: nothing else of ours changes what it does.
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The run cannot go on."""


def _times(pid):
    """(parent, own ticks, ticks of ended children that it has waited for); None when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2:].split()
    user, system, ended_user, ended_system = (int(field) for field in fields[11:15])
    return int(fields[1]), user + system, ended_user + ended_system


def cpu_seconds(pid):
    found = _times(pid)
    if not found:
        raise Failed(f"process {pid} is gone")
    return found[1] / _TICKS_PER_SECOND


def cluster_cpu_seconds(postmaster):
    """Of the postmaster and of all its children, those included that have ended: their time went over to it."""
    found = _times(postmaster)
    if not found:
        raise Failed("PostgreSQL is gone")
    ticks = found[1] + found[2]
    for entry in os.listdir("/proc"):
        child = _times(entry) if entry.isdigit() else None
        if child and child[0] == postmaster:
            ticks += child[1]
    return ticks / _TICKS_PER_SECOND


def machine_cpu_seconds():
    """(busy, all) of all cores; what a hypervisor gave to others counts as busy."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / _TICKS_PER_SECOND, sum(fields) / _TICKS_PER_SECOND


def peak_memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise Failed(f"process {pid} has no VmHWM")


class Children:
    """What this run has started. Used with `with`: everything has ended afterwards, the last started first."""

    def __init__(self):
        self._started = []
        self._at_end = []

    def at_end(self, do):
        """do(): ends what is no child of ours."""
        self._at_end.append(do)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What interrupts this would leave something behind.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        for child in self._started[::-1]:
            self.stop(child)
        for do in self._at_end[::-1]:
            do()

    def start(self, command, **options):
        """In a session of its own, so that a Ctrl-C at the terminal reaches only us, who end it in order."""
        child = subprocess.Popen([str(word) for word in command], start_new_session=True, text=True,
                                 **{"stdin": subprocess.DEVNULL, **options})
        self._started.append(child)
        return child

    def stop(self, child):
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()
        if child in self._started:
            self._started.remove(child)

    def output(self, command, seconds_max, **options):
        """(exit code, stdout, stderr) of a command."""
        child = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        try:
            out, err = child.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[0]} did not end within {seconds_max} s") from None
        finally:
            self.stop(child)
        return child.returncode, out, err
