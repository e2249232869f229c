"""Where and with what a run took place."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _lines(path):
    try:
        return pathlib.Path(path).read_text().splitlines()
    except OSError:
        return []


def filesystem_of(directory):
    """The type of the file system that holds it."""
    found = ("", "unknown")
    for line in _lines("/proc/mounts"):
        _, mount, kind = line.split()[:3]
        if pathlib.Path(directory).resolve().is_relative_to(mount) and len(mount) >= len(found[0]):
            found = (mount, kind)
    return found[1]


def _field(path, name):
    return next((line.split(":", 1)[1].strip() for line in _lines(path) if line.startswith(name)), "")


def machine(directory):
    memory_mb = int(_field("/proc/meminfo", "MemTotal").split()[0]) * 1024 / 1e6
    return {"cores": os.cpu_count(), "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
            "memory_mb": memory_mb, "kernel": platform.release(), "filesystem": filesystem_of(directory), "load_before": os.getloadavg()}


def _output(command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def compiler(build):
    """The compiler's first line and the flags that the build was configured with."""
    cache = dict(re.findall(r"^(\w+):\w+=(.*)$", "\n".join(_lines(build / "CMakeCache.txt")), re.MULTILINE))
    version = _output([cache.get("CMAKE_CXX_COMPILER", "c++"), "--version"]).splitlines()
    kind = cache.get("CMAKE_BUILD_TYPE", "")
    return {"compiler": version[0] if version else "unknown", "flags": cache.get(f"CMAKE_CXX_FLAGS_{kind.upper()}", "")}


def commit():
    """The short id, with + when files differ from it; "unknown" outside a checkout."""
    found = _output(["git", "rev-parse", "--short", "HEAD"])
    return (found + ("+" if _output(["git", "status", "--porcelain"]) else "")) if found else "unknown"
