"""int8 beside bf16: the same network through the whole stack, NGINX and Gunicorn.

Both are served at the same time and loaded in turn, so that the ratios hold on a machine whose
speed drifts. On one that others use too, the CPU time of a picture says more than images/s.
"""

import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, open_loop, ours, pictures, processes, queueing
from benchmarks.peers.report import table as markdown
from benchmarks.serving import Plan, Running
from benchmarks.wrk import Load

CLIENTS = (1, 4, 16, 64)
ROUNDS = 5
P99_MS = 15.0
RATES = tuple(10 * 1.2**step for step in range(20))  # of a Poisson process, requests/s
RATE_SECONDS = 10.0  # seconds at each rate: of 100 requests at the lowest the p99 is the slowest


def measure(forms: dict[str, Path], source: Path, seconds: int) -> dict[str, Any]:
    """Return images/s and latencies of both forms by clients, and the highest rate with a p99.

    `forms` are prepared models by name, the first of which the other is compared with.
    """
    kind, photos = pictures.photos()
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(ours.warmed_up(Plan(source, model, photos, CLIENTS, seconds)))
            for name, model in forms.items()
        }
        return {
            "machine": machine.facts(),
            "model": source.name.removesuffix("-source"),
            "pictures": kind,
            "clients": {str(count): _in_turn(running, count, seconds) for count in CLIENTS},
            f"highest_rate_with_p99_below_{P99_MS:.0f}_ms": {
                name: [highest_rate(each, photos) for _ in range(2)]
                for name, each in running.items()
            },
        }


def _in_turn(running: dict[str, Running], clients: int, seconds: int) -> dict[str, Any]:
    rounds = [
        {name: _loaded(each, clients, seconds) for name, each in running.items()}
        for _ in range(ROUNDS)
    ]
    first, other = running
    ratios = [each[other][0].images_per_s / each[first][0].images_per_s for each in rounds]
    cpu_ratios = [each[first][1] / each[other][1] for each in rounds]
    return {name: _summary([each[name] for each in rounds]) for name in running} | {
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio": round(statistics.median(ratios), 3),
        "cpu_ratio": round(statistics.median(cpu_ratios), 3),
    }


def _loaded(running: Running, clients: int, seconds: int) -> tuple[Load, float]:
    """Return a load, and the CPU time in ms of all processes for each of its responses."""
    before = _cpu_seconds(running)
    load = running.load(clients, seconds)
    return load, 1000 * (_cpu_seconds(running) - before) / max(1, load.answers)


def _cpu_seconds(running: Running) -> float:
    return processes.cpu_seconds(processes.family(running.process.pid, running.mark))


def _summary(rounds: list[tuple[Load, float]]) -> dict[str, Any]:
    """Return medians, and the images/s of each round."""
    loads = [load for load, _ in rounds]
    return {
        "images_per_s": statistics.median(load.images_per_s for load in loads),
        "p50_ms": statistics.median(load.p50_ms or 0.0 for load in loads),
        "p99_ms": statistics.median(load.p99_ms or 0.0 for load in loads),
        "cpu_ms": round(statistics.median(cpu_ms for _, cpu_ms in rounds), 2),
        "errors": sum(load.errors for load in loads),
        "rounds": [load.images_per_s for load in loads],
    }


def highest_rate(running: Running, photos: list[bytes]) -> float:
    """Return the highest of RATES up to which the p99 of all is below P99_MS, or 0."""
    best, rng = 0.0, np.random.default_rng(0)
    posts = [running.server.encode(photo) for photo in photos]
    for rate in RATES:
        moments = queueing.poisson(rng, rate, round(rate * RATE_SECONDS)).tolist()
        responses = open_loop.post_at(moments, running.url, posts, running.server.content_type)
        failed = any(status != 200 for status, _ in responses)
        if failed or open_loop.percentile([took for _, took in responses], 99) >= P99_MS:
            break
        best = round(rate, 1)
    return best


def table(results: dict[str, Any]) -> str:
    """Return the figures by clients in Markdown."""
    names = [name for name in next(iter(results["clients"].values())) if "ratio" not in name]
    head = ["clients", *(f"{name}: images/s; p50, p99, CPU in ms" for name in names)]
    head += ["images/s, ratio", "CPU, ratio"]
    rows = [
        [
            clients,
            *(_cell(found[name]) for name in names),
            f"{found['ratio']:.2f}",
            f"{found['cpu_ratio']:.2f}",
        ]
        for clients, found in results["clients"].items()
    ]
    return markdown(head, rows)


def _cell(found: dict[str, Any]) -> str:
    times = f"{found['p50_ms']:.1f}, {found['p99_ms']:.1f}, {found['cpu_ms']:.1f}"
    return f"{found['images_per_s']:.1f}; {times}"
