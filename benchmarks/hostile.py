"""What the hostile requests of the tests cost: the time of each, and memory."""

import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import machine, processes
from benchmarks.worker import children, serving, wait_for
from tests.hostile import Case, corpus

SLOWEST = 10


def measure(model: Path) -> dict[str, Any]:
    """Return the ms of the slowest requests, and the most MB of PSS of a worker."""
    most = 0.0
    with serving(model, workers=2) as (url, master):
        wait_for(f"{url}/readyz")
        before, times = children(master), []
        for case in corpus():
            times.append((_ms(url, case), case.name))
            most = max(most, *(processes.pss_mb([pid]) for pid in before))
        survived = before == children(master)
    times.sort(reverse=True)
    return {
        "machine": machine.facts(),
        "model": model.name,
        "requests": len(times),
        "slowest_ms": {name: ms for ms, name in times[:SLOWEST]},
        "pss_mb_of_a_worker_max": most,
        "no_worker_died": survived,
    }


def _ms(url: str, case: Case) -> float:
    parts = urlsplit(url)
    start = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(bytes(case))
        while connection.recv(65536):
            pass
    return round((time.perf_counter() - start) * 1000, 1)
