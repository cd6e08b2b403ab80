"""How soon a worker is ready, and how much memory it holds."""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine, processes
from inference_app.model import prepared

PICTURE = Path("post_request/images/espresso.jpg")
RUNS, REQUESTS, CLIENTS = 5, 400, 16


def measure(model: Path, workers: int = 2) -> dict[str, object]:
    """Start the app RUNS times; return seconds until ready, and MB of PSS a worker after use.

    PSS (proportional set size) shares out what processes have in common: the sum over all of
    them is what they cost. Source: the Linux kernel's documentation of /proc/PID/smaps_rollup.
    """
    seconds, megabytes = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        with serving(model, workers) as (url, master):
            wait_for(f"{url}/readyz")
            seconds.append(round(time.perf_counter() - start, 2))
            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(_predict, [f"{url}/predict"] * REQUESTS))
            megabytes += [processes.pss_mb([worker]) for worker in children(master)]
    return {
        "model": prepared.read(model).name,
        "machine": machine.facts(),
        "workers": workers,
        "ready_s": seconds,
        "ready_s_median": statistics.median(seconds),
        "pss_mb_a_worker": megabytes,
        "pss_mb_a_worker_max": max(megabytes),
    }


def _predict(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, PICTURE.read_bytes()), timeout=60).close()


@contextmanager
def serving(model: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Run the app alone while the `with` lasts; yield its URL and Gunicorn's process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"MODEL_PATH": str(model), "PORT": str(port), "WORKERS": str(workers)}
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_app", "serve"],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str) -> None:
    """Ask until it is answered with 200. Raises TimeoutError after 60 s."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(f"{url} did not answer")


def children(pid: int) -> list[int]:
    """Return the process ids of Gunicorn's workers, the eldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
