"""The whole stack's throughput and memory by workers, inference threads and megapixels."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import drawing, machine, ours, pictures
from benchmarks.ours import DEFAULT
from benchmarks.servers import Tuning
from benchmarks.serving import Plan
from inference_app.cpus import available_cpus

CLIENTS, SECONDS = 16, 8
WORKERS = (1, 2, 3, 4)
THREADS = (1, 2, 4)  # of inference, as far as there are CPUs
MEGAPIXELS = (0.25, 1, 3, 6, 12, 24)


def measure(model: Path, source: Path) -> dict[str, Any]:
    """Return images/s, ms and MB of PSS by the number of workers, then by the pictures' size."""
    kind, photos = pictures.photos()
    few = photos[: pictures.FEW]
    plan = _plan(model, source, photos)
    workers = [
        {"workers": count} | served(Tuning(count, DEFAULT.threads), plan) for count in WORKERS
    ]
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": kind,
        "clients": CLIENTS,
        "seconds": SECONDS,
        "workers": workers,
        "pss_mb_of_each_further_worker": further(workers),
        "shapes": shapes(plan),
        "workers_by_default": DEFAULT.workers,
        "megapixels": [by_size(size, few, model, source) for size in MEGAPIXELS],
    }


def _plan(model: Path, source: Path, posted: list[bytes]) -> Plan:
    return Plan(source, model, posted, (CLIENTS,), SECONDS)


def shapes(plan: Plan) -> list[dict[str, Any]]:
    """Measure workers x threads of inference, saturated and with one client."""
    cpus = available_cpus()
    pairs = [(count, threads) for count in (1, cpus) for threads in THREADS if threads <= cpus]
    return [
        {"workers": count, "inference_threads": threads}
        | served(Tuning(count, threads), plan, alone=True)
        for count, threads in pairs
    ]


def by_size(megapixels: float, photos: list[bytes], model: Path, source: Path) -> dict[str, Any]:
    """Measure the default number of workers with JPEGs of so many megapixels."""
    posted = [pictures.phone(photo, megapixels) for photo in photos]
    mean_kb = round(sum(map(len, posted)) / len(posted) / 1000)
    figures = served(DEFAULT, _plan(model, source, posted))
    return {"megapixels": megapixels, "mean_kb": mean_kb} | figures


def served(tuning: Tuning, plan: Plan, *, alone: bool = False) -> dict[str, Any]:
    """Measure the whole stack, `alone` also with one client; the memory is of all processes."""
    with ours.warmed_up(plan, tuning) as running:
        load = running.load(CLIENTS, plan.seconds)
        lone = {"alone_p50_ms": running.load(1, plan.seconds).p50_ms} if alone else {}
        return {
            "answers": load.answers,
            "images_per_s": load.images_per_s,
            "p50_ms": load.p50_ms,
            "p99_ms": load.p99_ms,
            "errors": load.errors,
            "pss_mb": running.pss_mb(),
            **lone,
        }


def further(rows: list[dict[str, Any]]) -> list[float]:
    """Return the MB that each worker after the first added to the whole stack."""
    return [round(after["pss_mb"] - before["pss_mb"], 1) for before, after in pairwise(rows)]


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw two panels: images/s and MB by workers, images/s by megapixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_workers(left, results)
    _draw_megapixels(right, results)
    for axes in (left, right):
        axes.set_ylabel(f"images/s with {results['clients']} clients")
        axes.set_ylim(bottom=0)
        axes.spines["top"].set_visible(False)
    drawing.save(figure, path)


def _draw_workers(axes: Any, results: dict[str, Any]) -> None:
    rows = results["workers"]
    counts = [row["workers"] for row in rows]
    rates = [row["images_per_s"] for row in rows]
    bars = axes.bar(counts, rates, 0.6, label="images/s")
    for count, rate in zip(counts, rates, strict=True):
        _annotate(axes, rate, (count, 0), color="white")
    axes.set_xticks(counts)
    axes.set_xlabel(f"workers, on {results['machine']['cores']} cores")
    memory = axes.twinx()
    (line,) = memory.plot(counts, [row["pss_mb"] for row in rows], "o-C1", label="MB of memory")
    memory.set_ylabel("memory of the whole stack (PSS), MB")
    memory.set_ylim(bottom=0)
    memory.spines["top"].set_visible(False)
    axes.legend(
        handles=[bars, line], loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False
    )


def _annotate(axes: Any, rate: float, place: tuple[float, float], **options: Any) -> None:
    axes.annotate(f"{rate:.0f}", place, (0, 5), textcoords="offset points", ha="center", **options)


def _draw_megapixels(axes: Any, results: dict[str, Any]) -> None:
    rows = results["megapixels"]
    sizes, rates = [row["megapixels"] for row in rows], [row["images_per_s"] for row in rows]
    axes.plot(sizes, rates, "o-")
    for size, rate in zip(sizes, rates, strict=True):
        _annotate(axes, rate, (size, rate))
    axes.margins(y=0.12)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(f"megapixels of a JPEG, {results['workers_by_default']} workers")
    axes.spines["right"].set_visible(False)
