"""One to four replicas of the real stack, each with a share of a core, and what is predicted.

`queueing` gets what one replica was measured at. What it predicts of other numbers of replicas, and
of other rates, is compared with what is then measured.
"""

import math
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bodies, drawing, machine, open_loop, pictures, queueing, wrk
from benchmarks.queueing import Replica

ROOT = Path(__file__).resolve().parent.parent
SHARE = 0.3  # of a core, for each replica: four of them leave some to NGINX and the clients
PERIOD_US = 10_000  # short: a replica is slow all the time instead of stopped by turns
REPLICAS = (1, 2, 3, 4)
CLIENTS = (1, 2, 4, 8, 16)
BUSY = (0.3, 0.5, 0.7, 0.85)  # of what the replicas can do
SECONDS, REQUESTS, SEED = 12, 1000, 1
PORT = 18080
CONTENT_TYPE = bodies.content_type("raw")


class Stack:
    """NGINX and replicas of the bundled model in Docker."""

    def __init__(self, photos: list[bytes], folder: Path) -> None:
        self.url = f"http://127.0.0.1:{PORT}/predict"
        self._photos = photos
        bodies.write(folder / "photos", photos)
        self._bodies = folder / "photos" / bodies.LISTING

    def scale(self, replicas: int) -> None:
        """Run so many replicas."""
        compose("up", "--detach", "--wait", "--scale", f"inference_app={replicas}")
        wrk.run(self.url, self._bodies, {"Content-Type": CONTENT_TYPE}, 16, 3)  # warm

    def throughput(self, clients: int) -> float:
        """Return the requests/s of clients that each await their response."""
        headers = {"Content-Type": CONTENT_TYPE}
        return wrk.run(self.url, self._bodies, headers, clients, SECONDS).images_per_s

    def times(self, moments: list[float]) -> list[float]:
        """Post at these moments; return the seconds of each. Raises RuntimeError if one fails."""
        outcomes = open_loop.post_at(moments, self.url, self._photos, CONTENT_TYPE)
        if failed := [status for status, _ in outcomes if status != 200]:
            raise RuntimeError(f"{len(failed)} requests failed: {set(failed)}")
        return [seconds for _, seconds in outcomes]


def compose(*arguments: str) -> None:
    """Run docker compose on the stack, with each replica's share of a core."""
    settings = {
        "COMPOSE_FILE": "docker-compose.yml:benchmarks/replicas.yml",
        "COMPOSE_PROJECT_NAME": "replicas",
        "CPU_PERIOD": PERIOD_US,
        "CPU_QUOTA": round(SHARE * PERIOD_US),
        "HTTP_PORT": f"127.0.0.1:{PORT}",
        "IMAGE_TAG": "replicas",
        "INFERENCE_THREADS": 1,
        "MODEL_ID": "bundled",
        "WORKERS": 1,
    }
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    docker = shutil.which("docker") or "docker"
    subprocess.run([docker, "compose", *arguments], cwd=ROOT, env=environment, check=True)


@contextmanager
def running(photos: list[bytes]) -> Iterator[Stack]:
    """Build the images; stop their containers after the `with`."""
    compose("build", "--quiet")
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Stack(photos, Path(folder))
        finally:
            compose("down")


def measure() -> dict[str, Any]:
    """Return throughput by replicas, and latencies measured and predicted at several rates."""
    kind, photos = pictures.photos()
    with running(photos) as stack:
        before = replica(stack)
        rows = [grown(stack, before.max_rate, count) for count in REPLICAS]
        one = before.mean(replica(stack))
    for row in rows:
        predict(row, one)
    return {
        "machine": machine.facts(),
        "model": "bundled",
        "pictures": kind,
        "share_of_a_core": SHARE,
        "throughput_by_clients": one.throughput,
        "works": [round(float(each), 4) for each in np.quantile(one.works, np.linspace(0, 1, 201))],
        "replicas": rows,
        "errors_percent": errors(rows),
    }


def replica(stack: Stack) -> Replica:
    """Measure one replica: alone with each request, and with several at a time."""
    stack.scale(1)
    throughput = {clients: stack.throughput(clients) for clients in CLIENTS}
    alone = stack.times([number * 4 / throughput[1] for number in range(REQUESTS // 4)])
    mean = statistics.fmean(alone)
    return Replica(throughput, [seconds / mean for seconds in alone])


def grown(stack: Stack, max_rate: float, count: int) -> dict[str, Any]:
    """Measure so many replicas: throughput, and latencies of requests that come at random."""
    stack.scale(count)
    loads = []
    for busy in BUSY:
        rate = busy * count * max_rate
        moments = queueing.poisson(np.random.default_rng(SEED), rate, REQUESTS)
        times = stack.times(moments.tolist())
        p50, p99 = (open_loop.percentile(times, percent) for percent in (50, 99))
        loads.append({"rate_per_s": round(rate, 1), "p50_ms": p50, "p99_ms": p99})
    return {"replicas": count, "images_per_s": stack.throughput(16 * count), "loads": loads}


def predict(row: dict[str, Any], one: Replica) -> None:
    """Add the predicted latencies, where the queue does not grow without end."""
    for load in row["loads"]:
        p50, p99 = queueing.percentiles(one, row["replicas"], load["rate_per_s"])
        if p99 < math.inf:
            load |= {"predicted_p50_ms": p50, "predicted_p99_ms": p99}


def errors(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return by how many percent the predictions are off: the median, and the maximum."""
    loads = [load for row in rows for load in row["loads"] if "predicted_p99_ms" in load]
    found: dict[str, float] = {}
    for name in ("p50_ms", "p99_ms"):
        off = [100 * abs(load[f"predicted_{name}"] / load[name] - 1) for load in loads]
        found |= {
            f"{name}_median": round(statistics.median(off), 1),
            f"{name}_max": round(max(off), 1),
        }
    return found


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw two panels: images/s by replicas, and p99 by rate, measured and predicted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_throughput(left, results)
    _draw_latencies(right, results["replicas"])
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    drawing.save(figure, path)


def _draw_throughput(axes: Any, results: dict[str, Any]) -> None:
    rows = results["replicas"]
    counts = [row["replicas"] for row in rows]
    axes.plot(counts, [row["images_per_s"] for row in rows], "o-")
    axes.set_xticks(counts)
    axes.set_xlabel(f"replicas, each with {results['share_of_a_core']:g} of a core")
    axes.set_ylabel("images/s")


def _draw_latencies(axes: Any, rows: list[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        loads = [load for load in row["loads"] if "predicted_p99_ms" in load]
        rates = [load["rate_per_s"] for load in loads]
        label = f"{row['replicas']} measured, predicted"
        axes.plot(rates, [load["p99_ms"] for load in loads], f"oC{number}", label=label)
        axes.plot(rates, [load["predicted_p99_ms"] for load in loads], f"--C{number}")
    axes.set_xlabel("requests/s, at random")
    axes.set_ylabel("p99, ms")
    axes.legend(frameon=False)
