"""The pictures that a whole network is trained on, and those that are held out."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.errors import RequestError
from inference_app.evaluate.dataset import (
    DatasetError,
    LabelledPicture,
    class_folders,
    is_held_out,
    labelled_pictures,
)
from inference_app.model import image
from inference_app.model.prepared import Label
from inference_app.model.preprocessing import Preprocessing
from inference_app.train.dataset import check, labelled_folders
from inference_app.train.options import Say

Digests = dict[Path, str]  # of the pictures that can be read, their SHA-256


@dataclass(frozen=True)
class Split:
    """Pictures to train on and to validate with; `labels` is by class index.

    `digest` is a SHA-256 over the contents of the pictures, their classes and sides.
    """

    labels: list[Label]
    training: list[LabelledPicture]
    validation: list[LabelledPicture]
    unreadable: tuple[Path, ...]
    digest: str


def split(folder: Path, known: Sequence[Label], preprocessing: Preprocessing, say: Say) -> Split:
    """Read every picture once, and split them into those to train on and those to validate with.

    ``folder/train/<class>/`` and ``folder/val/<class>/`` are taken as they are. The pictures of
    ``folder/<class>/`` are split by their contents alone. Pictures that the server would refuse are
    named and left out. Raises DatasetError.
    """
    given = _is_split(folder)
    labels, training = labelled_folders(folder / "train" if given else folder, known)
    validation = labelled_pictures(folder / "val", labels) if given else []
    say(f"Reading {len(training) + len(validation)} pictures")
    digests = _read([*training, *validation], preprocessing, say)
    unreadable = tuple(each.file for each in (*training, *validation) if each.file not in digests)
    training = [each for each in training if each.file in digests]
    validation = [each for each in validation if each.file in digests]
    check(labels, np.array([each.class_index for each in training], np.int64))
    if given:
        training = _without(validation, training, digests, say)
    else:
        validation = [each for each in training if is_held_out(digests[each.file])]
        training = [each for each in training if not is_held_out(digests[each.file])]
    _check_sides(labels, training, validation, say)
    digest = _digest(labels, training, validation, digests)
    return Split(labels, training, validation, unreadable, digest)


def _is_split(folder: Path) -> bool:
    """Tell whether a folder holds `train` and `val`, each with classes: they may be classes."""
    sides = (folder / "train", folder / "val")
    return all(side.is_dir() and class_folders(side) for side in sides)


def _read(pictures: Sequence[LabelledPicture], preprocessing: Preprocessing, say: Say) -> Digests:
    """Decode every picture as the server does, name those that fail, and hash the others."""
    settings = Settings()

    def read(file: Path) -> str | Exception:
        try:
            data = file.read_bytes()
            image.decode(data, preprocessing, settings)
        except (OSError, RequestError) as error:
            return error
        return hashlib.sha256(data).hexdigest()

    files = [each.file for each in pictures]
    with ThreadPoolExecutor(available_cpus()) as pool:
        found = list(zip(files, pool.map(read, files), strict=True))
    for file, error in found:
        if isinstance(error, Exception):
            say(f"left out: {file}: {getattr(error, 'strerror', None) or error}")
    return {file: digest for file, digest in found if isinstance(digest, str)}


def _without(
    validation: Iterable[LabelledPicture],
    training: Sequence[LabelledPicture],
    digests: Digests,
    say: Say,
) -> list[LabelledPicture]:
    """Return the pictures to train on without those that are also there to validate with."""
    unseen = {digests[each.file] for each in validation}
    kept = [each for each in training if digests[each.file] not in unseen]
    if len(kept) < len(training):
        say(f"left out of train: {len(training) - len(kept)} pictures that are in val too")
    return kept


def _check_sides(
    labels: Sequence[Label],
    training: Iterable[LabelledPicture],
    validation: Sequence[LabelledPicture],
    say: Say,
) -> None:
    if lacking := _lacking(labels, training):
        raise DatasetError(f"no pictures are left to train on of: {lacking}. Add some")
    if not validation:
        raise DatasetError("no pictures are held out, a fifth by chance: add some")
    if lacking := _lacking(labels, validation):
        say(f"no pictures are held out, so nothing is measured, of: {lacking}")


def _lacking(labels: Sequence[Label], pictures: Iterable[LabelledPicture]) -> str:
    held = {each.class_index for each in pictures}
    return ", ".join(label.class_id for index, label in enumerate(labels) if index not in held)


def _digest(
    labels: Sequence[Label],
    training: Iterable[LabelledPicture],
    validation: Iterable[LabelledPicture],
    digests: Digests,
) -> str:
    lines = sorted(
        f"{side} {labels[each.class_index].class_id} {digests[each.file]}"
        for side, pictures in (("train", training), ("val", validation))
        for each in pictures
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
