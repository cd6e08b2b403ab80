"""A classifier as its own library runs it: what is converted, and what the result must match."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from inference_app.model.activation import Scores
from inference_app.model.preprocessing import Preprocessing


class Answer(NamedTuple):
    """What the library says of a picture: logits, float32 (classes,), and the most likely class."""

    logits: Scores
    label: str
    score: float


@dataclass(frozen=True)
class Original:
    """A classifier.

    `network` turns pixel values, float32 (N, 3, H, W), into logits, float32 (N, classes);
    `labels` is as in labels.json, `activation` a key of ACTIVATIONS. `save` writes what the engine
    torch loads, for a model that it can.
    """

    network: torch.nn.Module
    preprocessing: Preprocessing
    labels: list[dict[str, str]]
    activation: str
    answer: Callable[[Image.Image], Answer]
    save: Callable[[Path], None] | None = None
