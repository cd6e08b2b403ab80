"""The command line of the measurements: `python -m benchmarks worker`."""

import json
from pathlib import Path

import click

from benchmarks import limit, models, worker
from benchmarks.peers import run as peers
from benchmarks.peers.servers import SERVERS


@click.group()
def cli() -> None:
    """Measure; each command prints its raw figures as JSON."""


@cli.command("worker")
@click.option("--model", type=click.Path(path_type=Path), help="Prepared model [random ResNet-50].")
def measure_worker(model: Path | None) -> None:
    """Measure how soon a worker is ready, and its memory after use."""
    click.echo(json.dumps(worker.measure(model or models.random_resnet_50()), indent=1))


@cli.command("limit")
def measure_limit() -> None:
    """Measure the stack against the bare engine and decoding, with a random ResNet-50."""
    model = models.random_resnet_50()
    click.echo(
        json.dumps(limit.measure(model, models.FOLDER / "random-resnet-50-source"), indent=1)
    )


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
