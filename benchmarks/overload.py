"""Overload: how much of it is served, and how fast the rest is refused.

The load is open: requests are sent on time, whether or not the ones before have a response, each on
a connection of its own. h2load (of nghttp2) sends them; a latency counts from when its request was
due, so that a client that could not keep up hides nothing.
"""

import resource
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine, ours, pictures
from benchmarks.serving import PHOTOS, Plan, Running
from inference_app.cpus import available_cpus

FACTORS = (1.0, 2.0, 10.0)
SATURATED = 16


def measure(model: Path, source: Path, seconds: int) -> dict[str, Any]:
    """Return goodput and latencies at multiples of the capacity, and the latency right after."""
    kind, photos = pictures.photos()
    middle = sorted(photos, key=len)[len(photos) // 2]
    plan = Plan(source, model, [middle], (SATURATED,), 10)
    with ours.warmed_up(plan) as running:
        capacity = running.load(SATURATED, plan.seconds).images_per_s
        usual = running.load(1, 5).p50_ms
        loads = [
            offered(running, factor * capacity, seconds) | {"factor": factor} for factor in FACTORS
        ]
        return {
            "machine": machine.facts(),
            "model": model.name,
            "picture": f"one of the {kind}, {len(middle)} bytes",
            "capacity_per_s": capacity,
            "one_client_p50_ms": usual,
            "loads": loads,
            "one_client_p50_ms_right_after": running.load(1, 2).p50_ms,
        }


def offered(running: Running, rate: float, seconds: int) -> dict[str, Any]:
    """Send `rate` requests/s for so many seconds; return their statuses and latencies."""
    at_once = max(1, round(rate / 100))
    period_ms = max(1, round(at_once / rate * 1000))
    each_ms = period_ms / at_once
    count = round(seconds * 1000 / each_ms)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [
            *(shutil.which("h2load") or "h2load", "--h1", "-n", str(count), "-c", str(count)),
            *("-r", str(at_once), f"--rate-period={period_ms}ms", "--log-file", str(log)),
            *("-d", str(running.home / PHOTOS / "body-0")),
            *("-H", f"content-type: {running.server.content_type}"),
            running.url,
        ]
        before = _children_cpu_s()
        subprocess.run(command, check=True, capture_output=True, timeout=seconds * 3 + 60)
        share = (_children_cpu_s() - before) / seconds / available_cpus()
        rows = sorted(map(_row, log.read_text().splitlines()))
    return {
        "offered_per_s": round(1000 / each_ms, 1),
        "load_generator_share_of_cpus": round(share, 3),
        **summary(rows, each_ms, seconds),
    }


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _row(line: str) -> tuple[float, str, float]:
    """Read a line of h2load's log: when it was sent and how long it took, in ms; the status."""
    sent, status, took = line.split("\t")[:3]
    return int(sent) / 1000, status, int(took) / 1000


def summary(rows: list[tuple[float, str, float]], each_ms: float, seconds: float) -> dict[str, Any]:
    """Sum up requests, the first sent first, of which one was due every `each_ms`."""
    late = [sent - rows[0][0] - number * each_ms for number, (sent, _, _) in enumerate(rows)]
    statuses: dict[str, list[float]] = {}
    for (_, status, took), waited in zip(rows, late, strict=True):
        statuses.setdefault(status, []).append(took + max(0.0, waited))
    return {
        "goodput_per_s": round(len(statuses.get("200", [])) / seconds, 2),
        "sent_late_ms": round(max(late, default=0.0), 1),
        "answers": {
            status: {
                "count": len(times),
                "p50_ms": _percentile(times, 50),
                "p99_ms": _percentile(times, 99),
            }
            for status, times in sorted(statuses.items())
        },
    }


def _percentile(times: list[float], percent: int) -> float:
    """Return a percentile of times; 100 of them or more make the last one exact."""
    return round(statistics.quantiles([*times, times[-1]], n=100)[percent - 1], 1)
