"""The command line of the measurements: `python -m benchmarks worker`."""

import json
import math
from typing import Any

import click

from benchmarks import (
    accuracy,
    cache,
    fairness,
    faults,
    flat,
    growth,
    limit,
    models,
    overload,
    peak,
    queueing,
    replicas,
    worker,
)
from benchmarks.peers import run as peers
from benchmarks.peers.servers import SERVERS
from inference_app.config import BUNDLED_MODEL

RESULTS = peers.FOLDER
MODELS = {"resnet-50": models.random_resnet_50, "densenet-121": models.random_densenet_121}


@click.group()
def cli() -> None:
    """Measure; each command writes its raw figures to benchmarks/results and prints them."""


def _write(name: str, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    click.echo(text)


@cli.command("worker")
def measure_worker() -> None:
    """Measure how soon a worker is ready, and its memory after use."""
    _write("worker", worker.measure(models.random_resnet_50()))


@cli.command("limit")
@click.option("--model", type=click.Choice(list(MODELS)), default="resnet-50", show_default=True)
def measure_limit(model: str) -> None:
    """Measure the stack against the bare engine and decoding."""
    results = limit.measure(MODELS[model](), models.source(model))
    _write(f"limit-{model}", results)
    limit.draw(results, RESULTS / f"limit-{model}.svg")


@cli.command("peak")
@click.option("--model", type=click.Choice(list(MODELS)), default="resnet-50", show_default=True)
def measure_peak(model: str) -> None:
    """Measure what fraction of this CPU's matrix peak the engine reaches."""
    _write(f"peak-{model}", peak.measure(MODELS[model]()))


@cli.command("growth")
def measure_growth() -> None:
    """Measure throughput and memory by workers and by megapixels."""
    results = growth.measure(models.random_resnet_50(), models.source("resnet-50"))
    _write("growth", results)
    growth.draw(results, RESULTS / "growth.svg")


@cli.command("flat")
@click.option("--requests", default=20_000, show_default=True, help="A multiple of 1,000.")
def measure_flat(requests: int) -> None:
    """Measure memory, files and threads over many mixed requests."""
    _write("flat", flat.measure(models.random_resnet_50(), requests))


@cli.command("faults")
def measure_faults() -> None:
    """Measure what clients see while workers are killed."""
    _write("faults", faults.measure(models.random_resnet_50(), models.source("resnet-50")))


@cli.command("overload")
@click.option("--seconds", default=60, show_default=True, help="Duration of each load.")
def measure_overload(seconds: int) -> None:
    """Measure the stack under one, two and ten times what it can do."""
    model, source = models.random_resnet_50(), models.source("resnet-50")
    _write("overload", overload.measure(model, source, seconds))


@cli.command("fairness")
@click.option("--seconds", default=6, show_default=True, help="Duration of each load.")
@click.option("--only", default="", metavar="TEXT", help="Attacks that have this in their names.")
def measure_fairness(seconds: int, only: str) -> None:
    """Measure what normal clients get beside two that send expensive requests."""
    results = fairness.measure(BUNDLED_MODEL, seconds, only)
    if not only:
        _write("fairness", results)
    click.echo(fairness.table(results))


@cli.command("hostile")
def measure_hostile() -> None:
    """Measure the time and memory of each hostile request of the tests."""
    from benchmarks import hostile  # with pytest, which `size` does without

    _write("hostile", hostile.measure(models.random_resnet_50()))


@cli.command("cache")
def measure_cache() -> None:
    """Measure what a cache of compiled networks would save, and cost."""
    _write("cache", cache.measure([make() for make in MODELS.values()]))


@cli.command("replicas")
def measure_replicas() -> None:
    """Measure one to four replicas in Docker, and how well `size` foretells their latencies."""
    results = replicas.measure()
    _write("replicas", results)
    replicas.draw(results, RESULTS / "replicas.svg")


def _read(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> Any:
    """Read pairs like 4:137."""
    try:
        return {int(users): float(per_s) for users, per_s in (pair.split(":") for pair in pairs)}
    except ValueError as error:
        raise click.BadParameter(f"{' '.join(pairs)!r} is not like 1:88 4:137") from error


@cli.command("size")
@click.option("--rate", type=float, required=True, help="Requests/s, at the busiest.")
@click.option("--p99", type=float, required=True, help="Milliseconds that 99 of 100 may take.")
@click.argument("measured", nargs=-1, required=True, metavar="USERS:OK/S...", callback=_read)
def size(rate: float, p99: float, measured: dict[int, float]) -> None:
    """Say how many replicas it takes, from what one does: 1:88 4:137 16:146.

    These are lines of the load test, run against one replica: so many users, so many answers/s.
    """
    works = json.loads((RESULTS / "replicas.json").read_text("utf-8"))["works"]
    one = queueing.Replica(measured, works)
    try:
        enough = queueing.needed(one, rate, p99)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for count in range(max(1, enough - 1), enough + 2):
        p50, at_99 = queueing.percentiles(one, count, rate)
        times = f"p50 {p50:.0f} ms, p99 {at_99:.0f} ms" if at_99 < math.inf else "too few"
        click.echo(f"{count} replicas: {times}")


@cli.command("accuracy")
def measure_accuracy() -> None:
    """Measure what scaled decoding costs in accuracy, with the bundled model."""
    _write("accuracy", accuracy.measure())


@cli.command("peers")
@click.option("--only", multiple=True, type=click.Choice([server.name for server in SERVERS]))
@click.option("--clients", default="1,4,16,64", show_default=True, help="Concurrencies, by comma.")
@click.option("--seconds", default=30, show_default=True, help="Duration of each figure.")
@click.option("--report", is_flag=True, help="Render the table of what was measured before.")
def measure_peers(only: tuple[str, ...], clients: str, seconds: int, report: bool) -> None:
    """Measure side by side with other model servers; writes benchmarks/results/peers.*."""
    if report and not peers.RESULTS.exists():
        raise click.UsageError("nothing was measured yet")
    if not report:
        peers.run(only, tuple(int(count) for count in clients.split(",")), seconds)
    click.echo(peers.render())


if __name__ == "__main__":
    cli()
