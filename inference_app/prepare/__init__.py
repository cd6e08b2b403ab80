"""From a Hugging Face image classifier to a prepared model, once; serving needs none of this.

torch, transformers and timm are imported by `convert` and what is below it alone, so that finding a
model prepared already needs none of them either.
"""

import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from inference_app.errors import PrepareError, UserError
from inference_app.model import prepared
from inference_app.prepare.preparation import Preparation
from inference_app.prepare.source import Source, fetch, given, local_source

Report = Callable[[str], None]


class MissingPackagesError(PrepareError):
    """Preparing needs packages that serving does without, and they are not installed."""


def is_prepared(folder: Path, asked: Preparation) -> bool:
    """Return whether `folder` holds, undamaged, just what `prepare_model` would make.

    A model of the Hub that is there stays, unless another `revision` is asked for; a local source
    counts as changed when one of its files is, and so do `pictures` and `labels`, where asked for.

    Raises PrepareError if what is asked for cannot be read.
    """
    try:
        model = prepared.read(folder)
    except UserError:
        return False
    local, held = local_source(asked.model_id), model.manifest
    revision = asked.revision or held["source"]["revision"]
    source = local or Source(asked.model_id, revision, folder)
    edge = model.preprocessing.crop[0]
    return (
        (held["name"], held["precision"], model.engine)
        == (asked.name, asked.precision, asked.engine)
        and held["source"] == source.facts()
        and edge == (asked.input_size or edge)
        and given(asked.pictures, asked.labels).items() <= held.get("given", {}).items()
    )


def prepare_model(asked: Preparation, folder: Path, report: Report) -> None:
    """Fetch, convert, check and write; `folder` appears only when all of it went well.

    Raises PrepareError, with one line that says what to do, or PreparedModelError if `folder`
    holds something else or cannot be written.
    """
    with prepared.writing(folder) as new:
        report(f"Fetching {asked.model_id}")
        try:
            source = fetch(asked.model_id, asked.revision)
            from inference_app.prepare.convert import convert
            from inference_app.prepare.load import load

            for package in asked.packages:
                import_module(package)  # what is missing is to be said soon
        except ImportError as error:
            raise MissingPackagesError(
                f"{error.name} is not installed here: preparing needs it, serving does not. "
                "Install it with: requirements/install.sh prepare"
            ) from error
        report("Loading it")
        original = load(source, asked.labels, asked.input_size, report)
        facts = convert(original, new, asked, report)
        card = source.path / "README.md"
        if card.exists():
            shutil.copyfile(card, new / "README.md")
        prepared.write_manifest(
            new,
            name=asked.name,
            engine=asked.engine,
            source=source.facts(),
            precision=asked.precision,
            given=given(asked.pictures, asked.labels),
            **facts,
            versions={each: version(each) for each in asked.packages},
            created=today(),
        )
        prepared.read(new)
    report(f"Prepared {folder}")


def today() -> str:
    """Return the day of preparation; a build that is to be repeatable sets SOURCE_DATE_EPOCH.

    That is seconds since 1970: https://reproducible-builds.org/specs/source-date-epoch/
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
