"""What serving costs: the bare engine, the engine and decoding, the app, the whole stack.

They are measured in turn, in several rounds, so that the ratios hold on a machine whose speed
drifts.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import drawing, machine, ours, pictures
from benchmarks.servers import Server
from benchmarks.serving import Plan
from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.model import image, prepared
from inference_app.model.engine.openvino import OpenVinoEngine

ROUNDS, SECONDS = 3, 10
SATURATED, ALONE = 16, 1


def measure(model: Path, source: Path) -> dict[str, Any]:
    """Return images/s of each stage in each round, and each as a fraction of its limit."""
    kind, photos = pictures.photos()
    plan = Plan(source, model, photos, (SATURATED, ALONE), SECONDS)
    stages: dict[str, Callable[[], dict[str, float]]] = {
        "engine": lambda: bare(model, photos, decode=False),
        "engine and decoding": lambda: bare(model, photos, decode=True),
        "app": lambda: served(ours.APP, plan),
        "whole stack": lambda: served(ours.STACK, plan),
    }
    rounds = [{name: stage() for name, stage in stages.items()} for _ in range(ROUNDS)]
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": kind,
        "rounds": rounds,
        "median": {
            f"{name}, as a fraction of engine and decoding": _median(
                [
                    each[name]["images_per_s"] / each["engine and decoding"]["images_per_s"]
                    for each in rounds
                ]
            )
            for name in stages
        }
        | {
            f"{name}, one client, time over engine and decoding": _median(
                [
                    each[name]["alone_ms"] / each["engine and decoding"]["alone_ms"]
                    for each in rounds
                ]
            )
            for name in stages
        },
    }


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the median of each stage's images/s as bars."""
    from matplotlib.figure import Figure

    stages = list(results["rounds"][0])[::-1]
    rates = [
        statistics.median(each[stage]["images_per_s"] for each in results["rounds"])
        for stage in stages
    ]
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.barh(stages, rates, 0.6), [f"{rate:.0f}" for rate in rates], padding=2)
    axes.set_xlabel(f"images/s, {results['model']}, {results['machine']['cores']} cores")
    axes.spines[["top", "right"]].set_visible(False)
    drawing.save(figure, path)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def bare(model: Path, photos: list[bytes], *, decode: bool) -> dict[str, float]:
    """Measure without a server: a process for each CPU with full batches; then single pictures."""
    cpus, largest = available_cpus(), max(OpenVinoEngine.batch_sizes)
    saturated = _processes(cpus, (model, photos, 1, largest, decode))
    alone = _processes(1, (model, photos, cpus, 1, decode))
    return {"images_per_s": round(saturated, 2), "alone_ms": round(1000 / alone, 3)}


def _processes(count: int, arguments: tuple[Any, ...]) -> float:
    """Return the images/s of so many processes together."""
    spawn = multiprocessing.get_context("spawn")
    rates: Queue[float] = spawn.Queue()
    processes = [spawn.Process(target=_loop, args=(rates, *arguments)) for _ in range(count)]
    for process in processes:
        process.start()
    total = sum(rates.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def _loop(
    rates: "Queue[float]", folder: Path, photos: list[bytes], threads: int, batch: int, decode: bool
) -> None:
    model, settings = prepared.read(folder), Settings()
    engine = OpenVinoEngine(model, threads)
    decoded = [image.decode(photo, model.preprocessing, settings) for photo in photos]
    done, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < SECONDS:
        some = [(done + each) % len(photos) for each in range(batch)]
        pixels = [
            image.decode(photos[each], model.preprocessing, settings) if decode else decoded[each]
            for each in some
        ]
        engine.infer(np.stack(pixels))
        done += batch
    rates.put(done / seconds)


def served(server: Server, plan: Plan) -> dict[str, float]:
    """Measure a server with its default settings: at capacity, then with one client."""
    with ours.warmed_up(plan, server=server) as running:
        saturated, alone = running.load(SATURATED, SECONDS), running.load(ALONE, SECONDS)
        return {
            "images_per_s": saturated.images_per_s,
            "alone_ms": alone.p50_ms or 0.0,
            "p99_ms": saturated.p99_ms or 0.0,
            "errors": saturated.errors + alone.errors,
            "pss_mb": running.pss_mb(),
        }
