"""Runs prepared models over labelled pictures, with all CPUs."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.errors import RequestError
from inference_app.evaluate.dataset import DatasetError, LabelledPicture
from inference_app.evaluate.measures import Classes, Scores
from inference_app.model.classifier import Classifier
from inference_app.model.engine import load_engine
from inference_app.model.prepared import PreparedModel
from inference_app.timing import Timing

MAX_SECONDS = 600  # for one picture


class Run(NamedTuple):
    """The scores of every picture that could be read, and how long that took."""

    scores: Scores
    actual: Classes
    skipped: tuple[Path, ...]  # not pictures, or damaged
    images_per_s: float


def load(model: PreparedModel) -> Classifier:
    """Load a model as one worker that has all CPUs and all the time; raises PreparedModelError."""
    settings = replace(Settings(), workers=1, deadline=MAX_SECONDS)
    return Classifier(model, load_engine(model, settings.inference_threads), settings)


def run(classifier: Classifier, pictures: Sequence[LabelledPicture]) -> Run:
    """Score all pictures, the way the server does; raises DatasetError if none can be read."""
    start = time.perf_counter()
    # One thread decodes for each CPU, and one waits for its batch.
    with ThreadPoolExecutor(2 * available_cpus()) as pool:
        scores = list(pool.map(lambda picture: _score(classifier, picture.file), pictures))
    seconds = time.perf_counter() - start
    return _collect(pictures, scores, seconds)


def _score(classifier: Classifier, file: Path) -> Scores | None:
    try:
        return classifier.infer(file.read_bytes(), Timing()).scores
    except (OSError, RequestError):
        return None


def _collect(
    pictures: Sequence[LabelledPicture], scores: Iterable[Scores | None], seconds: float
) -> Run:
    pairs = list(zip(pictures, scores, strict=True))
    read = [(picture.class_index, each) for picture, each in pairs if each is not None]
    if not read:
        raise DatasetError("None of the pictures can be read")
    actual, rows = zip(*read, strict=True)
    skipped = tuple(picture.file for picture, each in pairs if each is None)
    return Run(np.stack(rows), np.array(actual), skipped, round(len(read) / seconds, 1))
