"""The command `train`."""

from functools import partial
from pathlib import Path

import click

from inference_app.config import BUNDLED_MODEL
from inference_app.evaluate import report
from inference_app.model import prepared
from inference_app.train.training import train_head

FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--head", is_flag=True, required=True, help="Fit the last layer, and no other.")
@click.option("--model", type=FOLDER, help="The prepared model to start from [the bundled one].")
@click.option("--data", type=FOLDER, required=True, help="Labelled pictures: FOLDER/<class>/*.jpg.")
@click.option("--output", type=FOLDER, required=True, help="Folder to write.")
@click.option("--name", help="What clients see [the last part of --output].")
def train(head: bool, model: Path | None, data: Path, output: Path, name: str | None) -> None:  # noqa: ARG001
    """Give a prepared model new classes: those of your labelled pictures.

    20 pictures of a class are enough. A fifth of them is held out first, to measure how often the
    model is right. A folder's name becomes the class id and the label.
    """
    name = prepared.plain_name(name or output.resolve().name)
    say = partial(click.echo, err=True)
    figures = train_head(model or BUNDLED_MODEL, data, output, name, say)
    click.echo(report.table([figures], None))
    click.echo(output)
