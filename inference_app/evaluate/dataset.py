"""Labelled pictures: a folder with a folder for each class."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from inference_app.errors import UserError
from inference_app.model.prepared import Label, sha256

HELD_OUT = 0.2  # of all pictures
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


class LabelledPicture(NamedTuple):
    """A picture's file, and the index of its class."""

    file: Path
    class_index: int


class DatasetError(UserError):
    """A folder does not hold pictures of the model's classes."""


def labelled_pictures(folder: Path, labels: Sequence[Label]) -> list[LabelledPicture]:
    """Return the pictures in ``folder/<class>/``, sorted by class and name.

    A class is named by its id (``n02123045``), its label, or one of the label's names (``tabby``),
    with spaces or underscores. Raises DatasetError for a folder that holds none, or that names a
    class that the model does not know.
    """
    indices = dict(_names(labels))
    classes = class_folders(folder)
    unknown = [path.name for path in classes if key(path.name) not in indices]
    if unknown:
        raise DatasetError(
            f"{folder} has folders that are no classes of this model: {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''}. Name them by class id or label; see labels.json"
        )
    pictures = [each for path in classes for each in pictures_in(path, indices[key(path.name)])]
    if not pictures:
        raise DatasetError(f"{folder} holds no pictures: it needs a folder for each class")
    return pictures


def class_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without hidden ones, sorted; raises DatasetError."""
    try:
        folders = [path for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}") from error
    return sorted(path for path in folders if not path.name.startswith("."))


def pictures_in(folder: Path, class_index: int) -> list[LabelledPicture]:
    """Return the pictures of one class in a folder, at any depth, sorted."""
    files = (file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES)
    return [LabelledPicture(file, class_index) for file in files]


def is_held_out(digest: str) -> bool:
    """Tell by a picture's SHA-256, in hexadecimal, whether training leaves it for validation.

    It depends on nothing else, so that a picture stays on its side whatever is added or renamed.
    """
    return int(digest[:8], 16) < HELD_OUT * 2**32


def held_out(pictures: Sequence[LabelledPicture]) -> list[LabelledPicture]:
    """Return the pictures that training leaves for validation, of those that can be read."""
    found = []
    for each in pictures:
        with suppress(OSError):
            found += [each] * is_held_out(sha256(each.file))
    return found


def key(name: str) -> str:
    """Return what names of the same class have in common."""
    return name.strip().replace("_", " ").lower()


def _names(labels: Sequence[Label]) -> Iterator[tuple[str, int]]:
    """Yield every name of every class, the exact ones last, so that they win."""
    for index, label in enumerate(labels):
        for name in label.label.split(","):
            yield key(name), index
    for index, label in enumerate(labels):
        yield key(label.label), index
        yield key(label.class_id), index
