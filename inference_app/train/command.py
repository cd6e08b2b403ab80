"""The command `train`."""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from inference_app.config import BUNDLED_MODEL
from inference_app.evaluate import report
from inference_app.evaluate.report import Report
from inference_app.model import prepared
from inference_app.prepare import MissingPackagesError
from inference_app.train.options import FINE_TUNING, FROM_SCRATCH, Options, Say
from inference_app.train.training import train_head

FOLDER = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)
OF_BOTH = {"head", "model", "data", "output", "name"}


@click.command()
@click.option("--head", is_flag=True, help="Fit the last layer of a prepared model, and no other.")
@click.option("--model", help="The model to start from; with --head a prepared one [bundled].")
@click.option("--data", type=FOLDER, required=True, help="Labelled pictures: FOLDER/<class>/*.jpg.")
@click.option("--output", type=FOLDER, required=True, help="Folder to write.")
@click.option("--name", help="What clients see [the last part of --output].")
@click.option("--from-scratch", is_flag=True, help="Start from random weights.")
@click.option("--epochs", type=COUNT, default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=2), default=64, show_default=True)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help=f"The highest [{FINE_TUNING}; from scratch {FROM_SCRATCH}].",
)
@click.option("--patience", type=COUNT, default=5, show_default=True, help="Epochs without gain.")
@click.option("--flip/--no-flip", default=True, help="Mirror half of the pictures [yes].")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def train(
    head: bool, model: str | None, data: Path, output: Path, name: str | None, **more: Any
) -> None:
    """Train MODEL on your labelled pictures, in a folder for each class.

    MODEL is as for `prepare`: an id on the Hugging Face Hub, or a folder in its format. The result
    is such a folder too. With --head it is a prepared model, and so is the result: 20 pictures of a
    class are enough for that.

    A fifth of the pictures is held out first, to measure how often the model is right; FOLDER/train
    and FOLDER/val are used where they exist. A folder's name becomes the class id and the label.
    The same command goes on with a training that was interrupted.
    """
    name = prepared.plain_name(name or output.resolve().name)
    say = partial(click.echo, err=True)
    if head:
        _check_alone()
        figures = train_head(Path(model) if model else BUNDLED_MODEL, data, output, name, say)
    elif model:
        command = shlex.join(["inference-app", *sys.argv[1:]])
        figures = _train_network(Options(data, model, output, name, command, **more), say)
    else:
        raise click.UsageError("--model is missing; only --head does without")
    click.echo(report.table([figures], None))
    click.echo(output)


def _check_alone() -> None:
    """Raise UsageError for an option that a head has no use for."""
    context = click.get_current_context()
    given = [
        each
        for each in context.params
        if each not in OF_BOTH and context.get_parameter_source(each) != ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is of no use with --head")


def _train_network(options: Options, say: Say) -> Report:
    try:
        import accelerate  # noqa: F401 transformers' Trainer asks for it late, and otherwise

        from inference_app.train.finetuning import train_network
    except ImportError as error:
        package = str(error.name).partition(".")[0]
        raise MissingPackagesError(
            f"{package} is not installed here: training a whole network needs it, serving does "
            "not. Install it with: requirements/install.sh finetune"
        ) from error
    return train_network(options, say)
