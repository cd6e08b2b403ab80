"""How soon a worker is ready, and how much memory it holds."""

import statistics
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import machine, ours, processes
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
        with ours.app_alone(model, workers) as (url, master):
            ours.wait_for(f"{url}/readyz")
            seconds.append(round(time.perf_counter() - start, 2))
            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(_predict, [f"{url}/predict"] * REQUESTS))
            megabytes += [processes.pss_mb([worker]) for worker in processes.children(master)]
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
