"""What OpenVINO's cache of compiled networks would save a worker's start, and cost in memory.

It is not used: `prepare` has done the slow part already. It would save a tenth of a worker's start,
and need a writable folder with files that no manifest covers.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import machine, processes
from inference_app.cpus import available_cpus
from inference_app.model import prepared
from inference_app.model.engine import openvino

RUNS = 5


def measure(models: list[Path]) -> dict[str, Any]:
    """Return seconds until an engine is warm, and MB of PSS, of RUNS starts with and without."""
    return {
        "machine": machine.facts(),
        "models": {
            model.name: {
                "without": starts(model, None),
                "with a cache": cached(model),
            }
            for model in models
        },
    }


def cached(model: Path) -> dict[str, Any]:
    """Return the figures of starts from a cache that one start before them has filled."""
    with tempfile.TemporaryDirectory() as folder:
        start(model, folder)
        return starts(model, folder)


def starts(model: Path, cache: str | None) -> dict[str, Any]:
    """Start an engine RUNS times, each in a new process."""
    figures = []
    for _ in range(RUNS):
        # Spawned, since OpenVINO's threads do not survive a fork.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            figures.append(process.submit(start, model, cache).result())
    seconds, megabytes = zip(*figures, strict=True)
    return {
        "seconds": seconds,
        "seconds_median": statistics.median(seconds),
        "pss_mb_median": statistics.median(megabytes),
    }


def start(model: Path, cache: str | None) -> tuple[float, float]:
    """Make an engine; return the seconds that it took, and this process's MB of PSS."""
    usual, options = openvino._options, {"CACHE_DIR": cache} if cache else {}
    begun = time.perf_counter()
    with mock.patch.object(openvino, "_options", lambda *facts: usual(*facts) | options):
        held = openvino.OpenVinoEngine(prepared.read(model), available_cpus())
    figures = round(time.perf_counter() - begun, 3), processes.pss_mb([os.getpid()])
    del held
    return figures
