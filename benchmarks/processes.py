"""Processes of a server, wherever they went: started, counted, stopped."""

import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
MARK = "PEERS_MARK"  # environment variable by which descendants are known


def family(root: int, mark: str, proc: Path = PROC) -> set[int]:
    """Return the living processes that descend from `root` or carry the mark.

    A process that its parent left is known by its environment, one that wrote over its
    environment (to change its title) by its parents.
    """
    parents = {int(entry.name): _parent(entry) for entry in proc.glob("[0-9]*")}
    found = {pid for pid in parents if pid == root or _marked(proc / str(pid), mark)}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid for pid in found if parents.get(pid) is not None}


def _parent(entry: Path) -> int | None:
    """Return the parent's id; None for what has ended. Source: man 5 proc_pid_stat."""
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(parent)


def _marked(entry: Path, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def pss_mb(pids: Iterable[int], proc: Path = PROC) -> float:
    """Return the memory of these processes in MB: what they share is counted once (PSS)."""
    return round(sum(_pss_kb(proc / str(pid)) for pid in pids) * 1024 / 1e6, 1)


def _pss_kb(entry: Path) -> int:
    try:
        found = re.search(r"^Pss: +(\d+) kB", (entry / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:  # it has just ended
        return 0
    return int(found[1]) if found else 0


def cpu_seconds(pids: Iterable[int], proc: Path = PROC) -> float:
    """Return the CPU time that these processes have used so far."""
    return sum(_ticks(proc / str(pid)) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _ticks(entry: Path) -> int:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])  # utime and stime


def settle(root: int, mark: str, patience: float = 120, busy: float = 0.2) -> None:
    """Wait until they use less than `busy` cores: servers work on for clients that left."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        pids = family(root, mark)
        before, start = cpu_seconds(pids), time.monotonic()
        time.sleep(0.5)
        if (cpu_seconds(pids) - before) / (time.monotonic() - start) < busy:
            return


def start(command: str, environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a shell command in a session of its own; its output goes to `folder`/log."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/bash", "-c", command],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], mark: str, patience: float = 8) -> None:
    """Ask it to end, and after `patience` seconds end what is left of it."""
    members = family(process.pid, mark)
    process.terminate()
    deadline = time.monotonic() + patience
    while (left := members & _alive(members) | family(process.pid, mark)) - {process.pid}:
        if time.monotonic() > deadline:
            break
        process.poll()
        time.sleep(0.1)
    for pid in left:
        _kill(pid)
    process.wait()


def _alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if _parent(PROC / str(pid)) is not None}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def first_answer(
    process: subprocess.Popen[bytes], url: str, body: bytes, content_type: str, patience: float
) -> str:
    """Post until it is answered with 200; return the answer. Raises RuntimeError if never."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    deadline, trouble = time.monotonic() + patience, ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return str(answer.read().decode())
        except (OSError, ValueError) as error:
            trouble = str(error)
            time.sleep(0.02)
    raise RuntimeError(f"no answer within {patience:.0f} s: {trouble}")
