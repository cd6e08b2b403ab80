"""The command line of the measurements: `python -m benchmarks worker`."""

import json
from pathlib import Path

import click

from benchmarks import models, worker


@click.group()
def cli() -> None:
    """Measure; each command prints its raw figures as JSON."""


@cli.command("worker")
@click.option("--model", type=click.Path(path_type=Path), help="Prepared model [random ResNet-50].")
def measure_worker(model: Path | None) -> None:
    """Measure how soon a worker is ready, and its memory after use."""
    click.echo(json.dumps(worker.measure(model or models.random_resnet_50()), indent=1))


if __name__ == "__main__":
    cli()
