"""Pictures for a network in int8: some to calibrate it with, others to check the result on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.errors import PrepareError, RequestError
from inference_app.model import image
from inference_app.model.prepared import sha256
from inference_app.model.preprocessing import Preprocessing

MIN_CALIBRATING, MAX_CALIBRATING = 100, 300  # 300 is NNCF's default
MIN_CHECKING, MAX_CHECKING = 200, 2000
_MIN, _MAX = MIN_CALIBRATING + MIN_CHECKING, MAX_CALIBRATING + MAX_CHECKING


@dataclass(frozen=True)
class Pictures:
    """Files of pictures; those that are held out are used for nothing but the check."""

    calibrating: list[Path]
    held_out: list[Path]
    preprocessing: Preprocessing

    @classmethod
    def choose(cls, folder: Path, preprocessing: Preprocessing) -> "Pictures":
        """Take pictures from all parts of a folder, the same ones every time.

        Those that cannot be read are passed over, and copies count once. Raises PrepareError if
        there are too few.
        """
        files = list(islice(_readable(folder, preprocessing), _MAX))
        if len(files) < _MIN:
            raise PrepareError(
                f"{folder} holds {len(files)} pictures that can be read and differ, and int8 needs "
                f"{_MIN}: {MIN_CALIBRATING} to calibrate with, {MIN_CHECKING} to check the result"
            )
        count = min(MAX_CALIBRATING, len(files) // 3)
        return cls(files[:count], files[count:], preprocessing)

    def decode(self, file: Path) -> NDArray[np.uint8]:
        """Return the pixels of a file, uint8 (1, H, W, 3), as the server decodes them."""
        return _decode(file.read_bytes(), self.preprocessing)


def _readable(folder: Path, preprocessing: Preprocessing) -> Iterator[Path]:
    seen: set[str] = set()
    for file in sorted(folder.rglob("*"), key=lambda file: _digest(file.relative_to(folder))):
        try:
            _decode(file.read_bytes(), preprocessing)
        except (OSError, RequestError):  # a folder, or not a picture
            continue
        content = sha256(file)
        if content not in seen:
            yield file
        seen.add(content)


def _digest(path: Path) -> bytes:
    """Return what to sort by, so that neighbours, such as the pictures of a class, are spread."""
    return hashlib.sha256(path.as_posix().encode()).digest()


def _decode(data: bytes, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    return image.decode(data, preprocessing, Settings())[np.newaxis]
