"""Processes of a server, wherever they went: started, counted, stopped."""

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import psutil

MARK = "PEERS_MARK"  # environment variable by which descendants are known
T = TypeVar("T")


def family(root: int, mark: str) -> set[int]:
    """Return the living processes that descend from `root` or carry the mark.

    A process that its parent left is known by its environment, one that wrote over its
    environment (to change its title) by its parents.
    """
    environments = {each.pid: each.info["environ"] for each in psutil.process_iter(["environ"])}
    found = {root} | {pid for pid, names in environments.items() if (names or {}).get(MARK) == mark}
    found |= {child for pid in found for child in children(pid, recursive=True)}
    return set(_of_each(found, _living)) - {0}


def _living(process: psutil.Process) -> int:
    return 0 if process.status() == psutil.STATUS_ZOMBIE else process.pid


def children(pid: int, *, recursive: bool = False) -> list[int]:
    """Return the ids of a process's children, the oldest first; none if it has ended."""
    found = _of_each([pid], lambda process: process.children(recursive))
    return [child.pid for some in found for child in some]


def command(pid: int) -> str:
    """Return a process's command line; empty if it has ended."""
    return " ".join(word for words in _of_each([pid], psutil.Process.cmdline) for word in words)


def pss_mb(pids: Iterable[int]) -> float:
    """Return the memory of these processes in MB: what they share is counted once (PSS).

    Source: the Linux kernel's documentation of /proc/PID/smaps_rollup.
    """
    return round(sum(_of_each(pids, lambda each: each.memory_full_info().pss)) / 1e6, 1)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that these processes have used so far, as users and in the kernel."""
    times = _of_each(pids, psutil.Process.cpu_times)
    return sum(each.user + each.system for each in times)


def _of_each(pids: Iterable[int], figure: Callable[[psutil.Process], T]) -> list[T]:
    """Return the figure of each process, without those that have ended."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(figure(psutil.Process(pid)))
    return found


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
    """End it and its family: with SIGTERM, and after `patience` seconds with SIGKILL."""
    members = _of_each(family(process.pid, mark) - {process.pid}, lambda each: each)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    _, left = psutil.wait_procs(members, timeout=patience)
    late = _of_each(family(process.pid, mark), lambda each: each)
    for each in {*left, *late}:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def first_response(
    process: subprocess.Popen[bytes], url: str, body: bytes, content_type: str, patience: float
) -> str:
    """Post until the status is 200; return the response's body. Raises RuntimeError if never."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    deadline, trouble = time.monotonic() + patience, ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return str(response.read().decode())
        except (OSError, ValueError) as error:
            trouble = str(error)
            time.sleep(0.02)
    raise RuntimeError(f"no response within {patience:.0f} s: {trouble}")
