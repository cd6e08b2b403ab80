"""The command `swap`: another model for a server that runs, which answers all the while."""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from inference_app import predict
from inference_app.config import KNOWN_FORMATS, Settings
from inference_app.errors import RequestError, UserError
from inference_app.evaluate.run import load
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.decoder_process import yield_to_others
from inference_app.model.engine import check_installed
from inference_app.model.prepared import PreparedModel
from inference_app.pool.run_folder import RunFolder, Served
from inference_app.timing import Timing
from inference_app.web import pages

FOLDER = click.Path(path_type=Path)
SAMPLES = pages.PAGE / "samples"


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--check", type=FOLDER, help="Pictures that it must answer first [six samples].")
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    help="Share of them that it must give the same class id as the model that is served.",
)
def swap(folder: Path, check: Path | None, agreement: float | None) -> None:
    """Replace the model of the server on PORT by FOLDER, a prepared model, without a gap.

    Requests are answered all the while, by one model or the other. If FOLDER cannot be loaded, or
    fails its check, the server stays as it is and the status is 1.
    """
    server = RunFolder.find(Settings.from_environment().port)
    yield_to_others()
    with server.reserved():
        old, new = server.served, prepared.read(folder)
        pictures = predict.find([str(check or SAMPLES)], predict.suffixes(KNOWN_FORMATS))
        click.echo(f"Checking {folder} on {len(pictures)} pictures", err=True)
        classes = _classes(new, pictures)
        if agreement is not None:
            _compare(classes, _classes(_read_again(old), pictures), agreement)
        click.echo("Replacing the workers one by one", err=True)
        if not server.ask(Served.of(new)):
            raise UserError(f"{folder} could not be loaded by the server, whose log says why")
    click.echo(f"{new.name} {new.digest} is served, instead of {old.folder}", err=True)


def _read_again(old: Served) -> PreparedModel:
    model = prepared.read(old.folder)
    if model.digest != old.digest:
        raise UserError(
            f"{old.folder} is not the model that is served any more: nothing can be compared with "
            "it. Prepare new models in folders of their own"
        )
    return model


def _classes(model: PreparedModel, pictures: Sequence[str]) -> list[str]:
    """Return the class id that a model gives each picture; raises UserError."""
    check_installed(model)
    classifier = load(model)
    return [_class(classifier, picture) for picture in pictures]


def _class(classifier: Classifier, picture: str) -> str:
    try:
        answer = classifier.infer(predict.read(picture), Timing())
    except (OSError, RequestError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{picture} cannot be classified: {why}") from error
    if not np.isfinite(answer.scores).all():
        raise UserError(f"{classifier.model.folder} computes no finite scores for {picture}")
    return answer.top(1)[0].class_id


def _compare(new: Sequence[str], old: Sequence[str], wanted: float) -> None:
    """Raise UserError unless the share of equal classes is the one that is wanted."""
    same = sum(one == other for one, other in zip(new, old, strict=True))
    found = f"the same class for {same} of {len(new)} pictures"
    if same < wanted * len(new):
        raise UserError(f"the two models give {found}, fewer than --agreement {wanted:g}")
    click.echo(f"Both models give {found}", err=True)
