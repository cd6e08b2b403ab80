"""From a prepared model and labelled pictures to a prepared model of their classes."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inference_app.errors import UserError
from inference_app.evaluate.dataset import LabelledPicture
from inference_app.evaluate.report import Report
from inference_app.evaluate.run import Run, load, run
from inference_app.model import prepared
from inference_app.model.prepared import Label, PreparedModel
from inference_app.model.runtime import openvino
from inference_app.prepare import today
from inference_app.train import head, network
from inference_app.train.dataset import Samples, labelled_folders
from inference_app.train.head import Head

Say = Callable[[str], None]


def train_head(model: Path, data: Path, folder: Path, name: str, say: Say) -> Report:
    """Write a prepared model of the classes in `data`; return how a head does on unseen pictures.

    The figures are those of a head fitted without the held-out pictures, on these; the head that
    is written is then fitted to all. `folder` appears only when all of it went well. Raises
    UserError.
    """
    head.check_installed()
    with prepared.writing(folder) as new:
        base = prepared.read(model)
        if base.engine != "openvino":
            raise UserError(f"{model} is for {base.engine}: prepare it without --engine")
        body = network.without_classifier(openvino.Core().read_model(model / "model.xml"))
        labels, pictures = labelled_folders(data, base.labels)
        say(f"Computing the features of {len(pictures)} pictures with {base.name}")
        found = features(base, body, pictures)
        samples = Samples.of(found, pictures, labels)
        say("Fitting a head without the held-out pictures, and then one to all")
        figures = Report.of(name, _held_out(found, samples), labels)
        fitted = head.fit(samples.features, samples.actual)
        network.save(network.with_classifier(body, fitted.weights, fitted.bias), new / "model.xml")
        facts = _facts(base, samples, fitted, figures)
        _write_rest(new, base, labels, {"name": name, **facts})
    return figures


def features(base: PreparedModel, body: openvino.Model, pictures: Sequence[LabelledPicture]) -> Run:
    """Run `body`, the network of `base` without its classifier: the run's scores are features."""
    # Windows removes no file that is in use; the operating system cleans up there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        network.save(body, Path(folder) / "model.xml")
        model = replace(base, folder=Path(folder), activation="none")
        return run(load(model), pictures)


def _held_out(found: Run, samples: Samples) -> Run:
    """Score the held-out pictures with a head that was fitted without them."""
    held = samples.held_out()
    fitted = head.fit(samples.features[~held], samples.actual[~held])
    scores = fitted.scores(samples.features[held])
    return found._replace(scores=scores, actual=samples.actual[held])


def _facts(base: PreparedModel, samples: Samples, fitted: Head, figures: Report) -> dict[str, Any]:
    """Return what the manifest says of the head: where it comes from, and how good it is."""
    manifest = prepared.sha256(base.folder / "manifest.json")
    held_out = {"pictures": figures.pictures, "top_1": figures.top_1, "top_5": figures.top_5}
    return {
        "source": {"id": base.name, "revision": manifest, "data": samples.digest},
        "precision": base.precision,
        "activation": "softmax",
        "head": {
            "fitted_to": "all pictures, after one that was fitted without held_out was measured",
            "pictures": len(samples.actual),
            "regularisation": fitted.c,
            "held_out": held_out,
        },
    }


def _write_rest(
    folder: Path, base: PreparedModel, labels: Sequence[Label], facts: dict[str, Any]
) -> None:
    """Write all but the network."""
    prepared.write_json(folder / "labels.json", [label._asdict() for label in labels])
    shutil.copyfile(base.folder / "preprocessing.json", folder / "preprocessing.json")
    card = base.folder / "README.md"
    if card.exists():  # it may say who may use the weights for what
        shutil.copyfile(card, folder / "BASE.md")
    versions = {each: version(each) for each in ("openvino", "scikit-learn")}
    prepared.write_manifest(folder, **facts, versions=versions, created=today())
    prepared.read(folder)
