"""What scaled decoding costs in accuracy: the model's scores with it, and without.

image.decode lets libjpeg scale a JPEG while it decodes, down to twice the size that is needed
(Pillow's Image.draft). That changes pixels a little; this counts how the scores change.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from benchmarks import machine, pictures
from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.cpus import available_cpus
from inference_app.model import image, prepared
from inference_app.model.activation import softmax
from inference_app.model.engine.openvino import OpenVinoEngine

MEGAPIXELS = 12
Scores = Callable[[bytes], NDArray[np.float32]]
Draft = Callable[[JpegImageFile, str | None, tuple[int, int] | None], Any]


@dataclass
class Comparison:
    """Scores of pictures after both ways of decoding; a row a picture, scores from 0 to 1.

    `scales` counts by what libjpeg divided the width of how many pictures: 1 is not at all.
    """

    scaled: list[NDArray[np.float32]] = field(default_factory=list)
    full: list[NDArray[np.float32]] = field(default_factory=list)
    scales: Counter[int] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return how alike the two are, over pictures and over pictures and classes."""
        scaled, full = np.stack(self.scaled), np.stack(self.full)
        difference = np.abs(scaled - full)
        return {
            "pictures": len(scaled),
            "pictures_by_divisor": {str(by): self.scales[by] for by in sorted(self.scales)},
            "same_top_1": round(float((scaled.argmax(1) == full.argmax(1)).mean()), 4),
            "largest_difference": round(float(difference.max()), 4),
            "mean_largest_difference_of_a_picture": round(float(difference.max(1).mean()), 4),
            "mean_difference": round(float(difference.mean()), 6),
        }


def measure() -> dict[str, Any]:
    """Compare with the bundled model, on the web's photos and on a phone's."""
    kind, photos = pictures.photos()
    score = bundled_model()
    phones = (pictures.phone(photo, MEGAPIXELS) for photo in photos)
    return {
        "machine": machine.facts(),
        "model": prepared.read(BUNDLED_MODEL).name,
        "pictures": kind,
        "as they are": compare(score, photos).to_json(),
        f"as {MEGAPIXELS} MP JPEGs": compare(score, phones).to_json(),
    }


def compare(score: Scores, photos: Iterable[bytes]) -> Comparison:
    """Score each picture after scaled decoding, as it is served, and after full decoding."""
    result = Comparison()
    for photo in photos:
        with drafting(_counted(result.scales)):
            result.scaled.append(score(photo))
        with drafting(_nothing):
            result.full.append(score(photo))
    return result


def bundled_model() -> Scores:
    """Return a function from a picture's bytes to its scores, float32 (classes,)."""
    model, settings = prepared.read(BUNDLED_MODEL), Settings()
    engine = OpenVinoEngine(model, available_cpus())

    def score(photo: bytes) -> NDArray[np.float32]:
        pixels = image.decode(photo, model.preprocessing, settings)
        return softmax(engine.infer(pixels[np.newaxis])[0])

    return score


@contextmanager
def drafting(draft: Draft) -> Iterator[None]:
    """Have JPEGs decoded at the scale that `draft` sets instead of Pillow's own."""
    with patch.object(JpegImageFile, "draft", draft):
        yield


def _counted(scales: Counter[int]) -> Draft:
    """Return Pillow's draft that also counts by what it divided the width."""
    original = JpegImageFile.draft

    def draft(picture: JpegImageFile, mode: str | None, size: tuple[int, int] | None) -> Any:
        width, result = picture.width, original(picture, mode, size)
        scales[round(width / picture.width)] += 1
        return result

    return draft


def _nothing(picture: JpegImageFile, mode: str | None, size: tuple[int, int] | None) -> None:
    """Leave the picture at its full size."""
