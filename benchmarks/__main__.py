"""The command line of the measurements: `python -m benchmarks worker`."""

import json
import math
from pathlib import Path
from typing import Any

import click

from benchmarks import queueing

# Each command imports what it measures with, so that `size` needs no more than serving does.

RESULTS = Path(__file__).parent / "results"


@click.group()
def cli() -> None:
    """Measure this server; raw figures go to benchmarks/results."""


def _write(name: str, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    click.echo(text)


@cli.command("worker")
def measure_worker() -> None:
    """Measure how soon a worker is ready, and its memory."""
    from benchmarks import models, worker

    _write("worker", worker.measure(models.random_resnet_50()))


model_option = click.option(
    "--model",
    type=click.Choice(["resnet-50", "densenet-121"]),
    default="resnet-50",
    show_default=True,
)


@cli.command("limit")
@model_option
def measure_limit(model: str) -> None:
    """Measure the stack against the bare engine and decoding."""
    from benchmarks import limit, models

    results = limit.measure(models.RANDOM[model](), models.source(model))
    _write(f"limit-{model}", results)
    limit.draw(results, RESULTS / f"limit-{model}.svg")


@cli.command("peak")
@model_option
def measure_peak(model: str) -> None:
    """Measure the engine's share of the CPU's matrix peak."""
    from benchmarks import models, peak

    _write(f"peak-{model}", peak.measure(models.RANDOM[model]()))


@cli.command("int8")
@model_option
@click.option("--seconds", default=5, show_default=True, help="Duration of each load.")
def measure_int8(model: str, seconds: int) -> None:
    """Measure a network in int8 beside itself in bf16."""
    from benchmarks import int8, models

    forms = {"bf16": models.RANDOM[model](), "int8": models.random_int8(model)}
    results = int8.measure(forms, models.source(model), seconds)
    _write(f"int8-{model}", results)
    click.echo(int8.table(results))


@cli.command("together")
def measure_together() -> None:
    """Measure several pictures in one request against one in each."""
    from benchmarks import models, together

    _write("together", together.measure(models.random_resnet_50()))


@cli.command("torch")
@model_option
def measure_torch(model: str) -> None:
    """Measure the engine torch against bare torch."""
    from benchmarks import models, torch_engine

    _write(f"torch-{model}", torch_engine.measure(models.random_for_torch(model)))


@cli.command("growth")
def measure_growth() -> None:
    """Measure throughput and memory by workers and megapixels."""
    from benchmarks import growth, models

    results = growth.measure(models.random_resnet_50(), models.source("resnet-50"))
    _write("growth", results)
    growth.draw(results, RESULTS / "growth.svg")


@cli.command("flat")
@click.option("--requests", default=20_000, show_default=True, help="A multiple of 1,000.")
def measure_flat(requests: int) -> None:
    """Measure memory, files and threads over many requests."""
    from benchmarks import flat, models

    _write("flat", flat.measure(models.random_resnet_50(), requests))


@cli.command("faults")
def measure_faults() -> None:
    """Measure failures while workers are killed."""
    from benchmarks import faults, models

    _write("faults", faults.measure(models.random_resnet_50(), models.source("resnet-50")))


@cli.command("overload")
@click.option("--seconds", default=60, show_default=True, help="Duration of each load.")
def measure_overload(seconds: int) -> None:
    """Measure the stack at 1, 2 and 10 times its capacity."""
    from benchmarks import models, overload

    model, source = models.random_resnet_50(), models.source("resnet-50")
    _write("overload", overload.measure(model, source, seconds))


@cli.command("fairness")
@click.option("--seconds", default=6, show_default=True, help="Duration of each load.")
@click.option("--only", default="", metavar="TEXT", help="Attacks that have this in their names.")
def measure_fairness(seconds: int, only: str) -> None:
    """Measure normal clients beside expensive requests."""
    from benchmarks import fairness
    from inference_app.config import BUNDLED_MODEL

    results = fairness.measure(BUNDLED_MODEL, seconds, only)
    if not results["attacks"]:
        raise click.UsageError(f"no attack has {only!r} in its name")
    if not only:
        _write("fairness", results)
    click.echo(fairness.table(results))


@cli.command("stages")
@click.option(
    "--model", type=click.Choice(["bundled", "resnet-50"]), default="bundled", show_default=True
)
@click.option("--seconds", default=6, show_default=True, help="Duration of each stage.")
def measure_stages(model: str, seconds: int) -> None:
    """Measure the CPU time of a request by stage."""
    from benchmarks import models, stages
    from inference_app.config import BUNDLED_MODEL

    folder = BUNDLED_MODEL if model == "bundled" else models.random_resnet_50()
    results = stages.measure(folder, seconds)
    _write(f"stages-{model}", results)
    click.echo(stages.table(results))


@cli.command("protocols")
@click.option("--rounds", default=15, show_default=True, help="Times that each is measured.")
@click.option("--seconds", default=2, show_default=True, help="Duration of each figure.")
def measure_protocols(rounds: int, seconds: int) -> None:
    """Measure other servers' protocols against /predict."""
    from benchmarks import protocols

    results = protocols.measure(rounds, seconds)
    _write("protocols", results)
    click.echo(protocols.table(results))


@cli.command("cache")
def measure_cache() -> None:
    """Measure what a cache of compiled networks would save."""
    from benchmarks import cache, models

    _write("cache", cache.measure([make() for make in models.RANDOM.values()]))


@cli.command("replicas")
def measure_replicas() -> None:
    """Measure 1 to 4 replicas in Docker, and what `size` predicts."""
    from benchmarks import replicas

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
    """Print how many replicas a load needs, from what one does.

    USERS:OK/S are lines of the load test against one replica: 1:88 4:137 16:146.
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
    """Measure what scaled decoding costs in accuracy."""
    from benchmarks import accuracy

    _write("accuracy", accuracy.measure())


@cli.command("rounding")
def measure_rounding() -> None:
    """Measure what 8 bits cost clients that normalise."""
    from benchmarks import rounding

    _write("rounding", rounding.measure())


@cli.command("head")
def measure_head() -> None:
    """Measure a head that `train` fits, beside scikit-learn."""
    from benchmarks import head

    _write("head", head.measure())


def _servers(_context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> Any:
    """Check the names of servers."""
    from benchmarks.peers.servers import SERVERS

    known = [server.name for server in SERVERS]
    if unknown := set(names) - set(known):
        raise click.BadParameter(f"{' '.join(unknown)}; there are {' '.join(known)}")
    return names


@cli.command("peers")
@click.option("--only", multiple=True, metavar="NAME", callback=_servers, help="A server; repeat.")
@click.option("--clients", default="1,4,16,64", show_default=True, help="Concurrencies, by comma.")
@click.option("--seconds", default=30, show_default=True, help="Duration of each figure.")
@click.option("--report", is_flag=True, help="Render the table of what was measured before.")
def measure_peers(only: tuple[str, ...], clients: str, seconds: int, report: bool) -> None:
    """Measure side by side with other model servers."""
    from benchmarks.peers import run as peers

    if report and not peers.RESULTS.exists():
        raise click.UsageError("nothing was measured yet")
    if not report:
        peers.run(only, tuple(int(count) for count in clients.split(",")), seconds)
    click.echo(peers.render())


if __name__ == "__main__":
    cli()
