"""Proves that a prepared model answers as its original does, picture by picture."""

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import Settings
from inference_app.errors import PrepareError
from inference_app.model import image
from inference_app.model.activation import ACTIVATIONS, Scores
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.original import Answer, Original
from inference_app.prepare.pictures import pictures

Pixels = NDArray[np.uint8]

# Largest ||ours - theirs|| / ||theirs|| of the logits of the same pixels. In fp32 only the order of
# additions differs; weights stored in 16 bits add their rounding.
LOGITS_ERROR = {"fp32": 1e-3, "auto": 1e-2, "bf16": 1e-2}
TINY = 0.01  # the length below which they have no direction: scores of a sigmoid may all be near 0
# Largest difference of a score, from picture to score: another resize rounds a few pixels in a
# hundred to the next grey level, which costs trained models 0.002.
SCORE_DIFFERENCE = {"fp32": 0.01, "auto": 0.02, "bf16": 0.02}


@dataclass(frozen=True)
class Parity:
    """On how many pictures both were asked, and how near their answers are."""

    pictures: int
    classes_agreed: int
    max_score_difference: float
    max_logits_error: float

    def facts(self) -> dict[str, Any]:
        """Return what the manifest records."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"the same class for {self.classes_agreed} of {self.pictures} pictures, scores within "
            f"{self.max_score_difference:.2g}, logits of the same pixels within "
            f"{self.max_logits_error:.2g}"
        )


def check(
    original: Original,
    infer: Callable[[Pixels], Scores],
    precision: str,
    folder: Path | None,
) -> Parity:
    """Compare answers to pictures, of `folder` or drawn here, with those of the original.

    `infer` is what was prepared, in fp32: logits, float32 (classes,), of pixels, uint8
    (1, H, W, 3). Raises PrepareError if they differ by more than rounding.
    """
    compared = [_compare(original, infer, picture) for picture in pictures(folder)]
    agreed, differences, errors = zip(*compared, strict=True)
    found = Parity(len(agreed), sum(agreed), digits(max(differences)), digits(max(errors)))
    # Written so that what is not a number is refused
    near = found.max_score_difference <= SCORE_DIFFERENCE[precision]
    if not (near and found.max_logits_error <= LOGITS_ERROR[precision]):
        raise PrepareError(f"the converted network does not agree with the original: {found}")
    return found


def _compare(
    original: Original, infer: Callable[[Pixels], Scores], picture: Image.Image
) -> tuple[bool, float, float]:
    """Return if both name the same class, the scores' difference, and the logits' error."""
    activation = ACTIVATIONS[original.activation]
    pixels = _pixels(picture, original.preprocessing)
    ours, same_pixels = infer(pixels), reference_logits(original, pixels)
    theirs = original.answer(picture)
    _check_answer(theirs, original)
    return (
        bool(ours.argmax() == theirs.logits.argmax()),
        _largest(np.abs(activation(ours) - activation(theirs.logits))),
        float(np.linalg.norm(ours - same_pixels) / np.maximum(np.linalg.norm(same_pixels), TINY)),
    )


def _largest(differences: Scores) -> float:
    return float(differences.max())


def reference_logits(original: Original, pixels: Pixels) -> Scores:
    """Return the original's own logits, float32 (classes,), of pixels, uint8 (1, H, W, 3)."""
    numbers = original.preprocessing
    normalised = ((pixels - np.array(numbers.mean)) / np.array(numbers.std)).astype(np.float32)
    if numbers.channels == "BGR":
        normalised = normalised[..., ::-1].copy()
    with torch.inference_mode():
        logits = original.network(torch.from_numpy(normalised).permute(0, 3, 1, 2))
        first: Scores = logits[0].numpy()
        return first


def _pixels(picture: Image.Image, preprocessing: Preprocessing) -> Pixels:
    png = io.BytesIO()
    picture.save(png, "PNG", compress_level=0)
    return image.decode(png.getvalue(), preprocessing, Settings())[np.newaxis]


def _check_answer(theirs: Answer, original: Original) -> None:
    """Hold the labels and the activation against what the library makes of its own logits."""
    scores = ACTIVATIONS[original.activation](theirs.logits)
    best = int(scores.argmax())
    label = original.labels[best]["label"]
    if label != theirs.label or not abs(scores[best] - theirs.score) < 1e-4:
        raise PrepareError(
            f"the original says {theirs.label} with a score of {theirs.score:.4g}, and its "
            f"{original.activation} is {scores[best]:.4g} for {label}"
        )


def digits(number: float) -> float:
    """Return a number with the two digits that a manifest states."""
    return float(f"{number:.2g}")
