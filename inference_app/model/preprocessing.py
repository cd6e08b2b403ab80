"""What a model's image processor does to a picture, as numbers."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Channels = Literal["RGB", "BGR"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]


@dataclass(frozen=True)
class Preprocessing:
    """Resize, then cut out the centre, then (in the network itself) normalise.

    `resize` is either the new length of the shorter edge, or an exact (height, width); `crop` is
    (height, width). `mean` and `std` are of red, green and blue, in grey levels from 0 to 255.
    `channels` is the order in which the network takes them.
    `crop_rounding` is what becomes of half a pixel when the margin is odd: Hugging Face's
    processors round it down, torchvision's CenterCrop (which timm uses) half to even.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    interpolation: Interpolation
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_rounding: Literal["down", "half_even"] = "down"
    channels: Channels = "RGB"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Preprocessing":
        """Build from what `to_json` returned; raises KeyError, TypeError or ValueError."""
        resize, interpolation = data["resize"], data["interpolation"]
        if interpolation not in get_args(Interpolation):
            raise ValueError(f"unknown interpolation {interpolation}")
        return cls(
            resize=resize if isinstance(resize, int) else (int(resize[0]), int(resize[1])),
            crop=(int(data["crop"][0]), int(data["crop"][1])),
            interpolation=interpolation,
            mean=tuple(map(float, data["mean"])),
            std=tuple(map(float, data["std"])),
            crop_rounding=data["crop_rounding"],
            channels=data["channels"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    @property
    def shortest_edge(self) -> int:
        """Pixels below which no edge of a picture should be scaled before the resize."""
        return self.resize if isinstance(self.resize, int) else max(self.resize)

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a picture that the model sees: left, top, right, bottom, in pixels.

        Resizing only this box to `crop` gives the pixels of resizing the whole picture and then
        cropping, since Pillow's filters look beyond the edges of a box (which it rounds to 32-bit
        floats).
        """
        resized_width, resized_height = self._resized(width, height)
        crop_height, crop_width = self.crop
        left = self._margin(resized_width - crop_width)
        top = self._margin(resized_height - crop_height)
        across, down = width / resized_width, height / resized_height
        return (
            left * across,
            top * down,
            (left + crop_width) * across,
            (top + crop_height) * down,
        )

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        if not isinstance(self.resize, int):
            return self.resize[1], self.resize[0]
        if width <= height:
            return self.resize, self.resize * height // width
        return self.resize * width // height, self.resize

    def _margin(self, excess: int) -> int:
        return excess // 2 if self.crop_rounding == "down" else round(excess / 2)
