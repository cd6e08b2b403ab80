"""The pictures that a head is fitted to: their classes, and which of them are held out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_app.evaluate.dataset import (
    HELD_OUT,
    DatasetError,
    LabelledPicture,
    class_folders,
    key,
    pictures_in,
)
from inference_app.evaluate.measures import Classes
from inference_app.evaluate.run import Run
from inference_app.model.prepared import Label, sha256

Features = NDArray[np.float32]  # (pictures, features)

MIN_PICTURES = 5  # of a class


def labelled_folders(
    folder: Path, known: Sequence[Label]
) -> tuple[list[Label], list[LabelledPicture]]:
    """Return the classes in ``folder/<class>/`` and their pictures.

    A folder's name is the class id and the label, unless it is the id or the label of a `known`
    class: then it is that class. Raises DatasetError for fewer than two classes, or a class with
    fewer than MIN_PICTURES pictures.
    """
    by_name = {key(name): label for label in known for name in (label.label, label.class_id)}
    folders = class_folders(folder)
    labels = [by_name.get(key(path.name), Label(path.name, path.name)) for path in folders]
    if len(set(labels)) < max(2, len(labels)):
        found = ", ".join(path.name for path in folders) or "none"
        raise DatasetError(
            f"{folder} must hold two or more folders, one for each class: it has {found}"
        )
    pictures = [each for index, path in enumerate(folders) for each in pictures_in(path, index)]
    check(labels, np.array([each.class_index for each in pictures], np.int64))
    return labels, pictures


def check(labels: Sequence[Label], actual: Classes) -> None:
    """Raise DatasetError if a class has too few pictures."""
    counts = np.bincount(actual, minlength=len(labels))
    few = [
        f"{label.class_id} has {count}"
        for label, count in zip(labels, counts, strict=True)
        if count < MIN_PICTURES
    ]
    if few:
        raise DatasetError(f"a class needs at least {MIN_PICTURES} pictures: {', '.join(few)}")


@dataclass(frozen=True)
class Samples:
    """The features and classes of pictures, a row each, ordered by class and SHA-256.

    `digest` is a SHA-256 over the ids of the classes and the contents of the pictures.
    """

    features: Features
    actual: Classes
    digest: str

    @classmethod
    def of(
        cls, run: Run, pictures: Sequence[LabelledPicture], labels: Sequence[Label]
    ) -> "Samples":
        """Take what a run over `pictures` has read; copies of a picture count once.

        Raises DatasetError for a class that is left with too few.
        """
        skipped = set(run.skipped)
        contents = [
            f"{labels[each.class_index].class_id} {sha256(each.file)}"
            for each in pictures
            if each.file not in skipped
        ]
        ordered, rows = np.unique(contents, return_index=True)
        check(labels, run.actual[rows])
        digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
        return cls(run.scores[rows], run.actual[rows], digest)

    def held_out(self) -> NDArray[np.bool_]:
        """Return which rows are held out: of each class those with the lowest SHA-256.

        So the same pictures are held out wherever they are, and whatever they are called.
        """
        held = np.zeros(len(self.actual), bool)
        for each in np.unique(self.actual):
            rows = np.flatnonzero(self.actual == each)
            held[rows[: round(HELD_OUT * len(rows))]] = True
        return held
