"""Pictures as a network in training gets them: decoded as the server does, then augmented."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch.utils.data import Dataset
from torchvision.transforms import v2

from inference_app.config import Settings
from inference_app.evaluate.dataset import LabelledPicture
from inference_app.model import image
from inference_app.model.preprocessing import Preprocessing

SCALE = (0.35, 1.0)  # of a picture's area, the part that is cut out
JITTER = 0.3  # of brightness, contrast and saturation


class RandomPart(Preprocessing):
    """A preprocessing that cuts out a random part of a picture, each time another one."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part as torchvision's RandomResizedCrop chooses it, by torch's generator."""
        crop = v2.RandomResizedCrop(self.crop, scale=SCALE)
        part = crop.make_params([torch.empty((3, height, width), device="meta")])
        left, top = float(part["left"]), float(part["top"])
        return left, top, left + part["width"], top + part["height"]


@dataclass
class Pictures(Dataset[dict[str, Any]]):
    """Pictures as ``{"pixel_values": float32 (3, H, W), "labels": class index}``."""

    pictures: Sequence[LabelledPicture]
    preprocessing: Preprocessing
    transform: v2.Transform

    def __post_init__(self) -> None:
        self._settings = Settings()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Any]:
        picture = self.pictures[index]
        pixels = image.decode(picture.file.read_bytes(), self.preprocessing, self._settings)
        values = self.transform(torch.tensor(pixels).permute(2, 0, 1))
        if self.preprocessing.channels == "BGR":
            values = values.flip(0)
        return {"pixel_values": values, "labels": picture.class_index}


def to_validate(pictures: Sequence[LabelledPicture], preprocessing: Preprocessing) -> Pictures:
    """Return pictures as the server would see them."""
    return Pictures(pictures, preprocessing, v2.Compose(_normalising(preprocessing)))


def to_train(
    pictures: Sequence[LabelledPicture], preprocessing: Preprocessing, flip: bool
) -> Pictures:
    """Return pictures that look different each time; `flip` mirrors half of them."""
    given = {each.name: getattr(preprocessing, each.name) for each in fields(preprocessing)}
    steps: list[torch.nn.Module] = [v2.ColorJitter(JITTER, JITTER, JITTER)]
    steps += [v2.RandomHorizontalFlip()] * flip
    transform = v2.Compose([*steps, *_normalising(preprocessing)])
    return Pictures(pictures, RandomPart(**given), transform)


def _normalising(preprocessing: Preprocessing) -> list[torch.nn.Module]:
    return [
        v2.ToDtype(torch.float32, scale=False),
        v2.Normalize(preprocessing.mean, preprocessing.std),
    ]
