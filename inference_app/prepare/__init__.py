"""From a Hugging Face image classifier to a prepared model, once; serving needs none of this.

torch, transformers and timm are imported by `convert` and what is below it alone, so that finding a
model prepared already needs none of them either.
"""

import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from inference_app.errors import PrepareError, UserError
from inference_app.model import prepared
from inference_app.prepare.source import Source, fetch, given, local_source

Report = Callable[[str], None]


class MissingPackagesError(PrepareError):
    """Preparing needs packages that serving does without, and they are not installed."""


def is_prepared(
    folder: Path,
    model_id: str,
    revision: str | None,
    precision: str,
    name: str,
    pictures: Path | None = None,
    labels: Path | None = None,
    engine: str = "openvino",
    input_size: int | None = None,
) -> bool:
    """Return whether `folder` holds, undamaged, just what `prepare_model` would make.

    A model of the Hub that is there stays, unless another `revision` is asked for; a local source
    counts as changed when one of its files is, and so do `pictures` and `labels`, where asked for.

    Raises PrepareError if what is asked for cannot be read.
    """
    try:
        model = prepared.read(folder)
    except UserError:
        return False
    local, held = local_source(model_id), model.manifest
    wanted = local or Source(model_id, revision or held["source"]["revision"], folder)
    facts = {"name": name, "source": wanted.facts(), "precision": precision}
    asked, used = given(pictures, labels), held.get("given", {})
    edge = model.preprocessing.crop[0]
    same = asked.items() <= used.items() and engine == model.engine and edge == (input_size or edge)
    return same and all(held[key] == fact for key, fact in facts.items())


def prepare_model(
    model_id: str,
    folder: Path,
    revision: str | None,
    precision: str,
    name: str,
    report: Report,
    pictures: Path | None = None,
    labels: Path | None = None,
    engine: str = "openvino",
    input_size: int | None = None,
) -> None:
    """Fetch, convert, check and write; `folder` appears only when all of it went well.

    `pictures` is a folder to compare answers on, without which there is no int8; `labels` is a file
    that names the classes, `engine` a key of `prepared.NETWORKS`. `input_size` is in pixels, for an
    ONNX file that takes any.

    Raises PrepareError, with one line that says what to do, or PreparedModelError if `folder`
    holds something else or cannot be written.
    """
    packages = ["openvino", "torch", "transformers"]
    if precision == "int8":
        _check_int8(engine, pictures)
        packages.append("nncf")
    with prepared.writing(folder) as new:
        report(f"Fetching {model_id}")
        try:
            source = fetch(model_id, revision)
            from inference_app.prepare.convert import convert
            from inference_app.prepare.load import load

            if precision == "int8":
                import nncf  # noqa: F401 what is missing is to be said soon
        except ImportError as error:
            raise MissingPackagesError(
                f"{error.name} is not installed here: preparing needs it, serving does not. "
                "Install it with: requirements/install.sh prepare"
            ) from error
        report("Loading it")
        original = load(source, labels, input_size, report)
        facts = convert(original, new, engine, precision, pictures, report)
        card = source.path / "README.md"
        if card.exists():
            shutil.copyfile(card, new / "README.md")
        prepared.write_manifest(
            new,
            name=name,
            engine=engine,
            source=source.facts(),
            precision=precision,
            given=given(pictures, labels),
            **facts,
            versions={each: version(each) for each in packages},
            created=today(),
        )
        prepared.read(new)
    report(f"Prepared {folder}")


def _check_int8(engine: str, pictures: Path | None) -> None:
    if engine != "openvino":
        raise PrepareError(
            "int8 is for OpenVINO alone: leave out --engine, or choose --precision auto"
        )
    if pictures is None:
        raise PrepareError(
            "int8 is calibrated on pictures like those it will be sent: add --pictures FOLDER"
        )


def today() -> str:
    """Return the day of preparation; a build that is to be repeatable sets SOURCE_DATE_EPOCH.

    That is seconds since 1970: https://reproducible-builds.org/specs/source-date-epoch/
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
