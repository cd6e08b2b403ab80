"""Measure the time and memory of each hostile request: `python -m tests.hostile`."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks import machine, models, ours, processes
from tests.hostile.case import Case
from tests.hostile.corpus import corpus

RESULTS = Path("benchmarks/results/hostile.json")
SLOWEST = 10


def measure(model: Path) -> dict[str, Any]:
    """Return the ms of the slowest requests, and the largest memory of a worker in MB of PSS."""
    largest = 0.0
    with ours.app_alone(model, workers=2) as (url, master):
        ours.wait_for(f"{url}/readyz")
        before, times = processes.children(master), []
        for case in corpus():
            times.append((_ms(url, case), case.name))
            largest = max(largest, *(processes.pss_mb([pid]) for pid in before))
        survived = before == processes.children(master)
    times.sort(reverse=True)
    return {
        "machine": machine.facts(),
        "model": model.name,
        "requests": len(times),
        "slowest_ms": {name: ms for ms, name in times[:SLOWEST]},
        "pss_mb_of_a_worker_max": largest,
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


@click.command()
def main() -> None:
    """Measure the time and memory of each hostile request, into benchmarks/results."""
    text = json.dumps(measure(models.random_resnet_50()), indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", "utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
