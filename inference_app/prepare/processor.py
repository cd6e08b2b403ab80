"""From a model's own image processor to `Preprocessing`."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import Settings
from inference_app.errors import PrepareError
from inference_app.model import image
from inference_app.model.preprocessing import Channels, Interpolation, Preprocessing
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.reason import first_line

# Largest mean difference, in grey levels of 255, between our pixels and the processor's.
TOLERANCE = 1.0

# By the numbers that Pillow, and so transformers, gives them.
INTERPOLATIONS: dict[int, Interpolation] = {
    Image.Resampling.NEAREST: "nearest",
    Image.Resampling.LANCZOS: "lanczos",
    Image.Resampling.BILINEAR: "bilinear",
    Image.Resampling.BICUBIC: "bicubic",
    Image.Resampling.BOX: "box",
    Image.Resampling.HAMMING: "hamming",
}
_ORDERS: tuple[Channels, ...] = ("RGB", "BGR")


def preprocessing_of(processor: Any) -> Preprocessing:
    """Return what an image processor does; raises PrepareError if it is more than that.

    Sizes are read from it, as its class means them. What it does to colours is measured: classes
    rescale, shift and normalise them in ways of their own, once or twice.
    """
    try:
        geometry = _timm(processor) if hasattr(processor, "data_config") else _geometry(processor)
        preprocessing = Preprocessing(**geometry, **_colours(processor))
    except Exception as error:  # a processor may fail in any way at numbers that it cannot use
        name = type(processor).__name__
        raise PrepareError(
            f"cannot read the model's image processor, {name}: {first_line(error)}"
        ) from error
    _check(preprocessing, processor)
    return preprocessing


def _geometry(processor: Any) -> dict[str, Any]:
    """Return resize, crop and interpolation, as each class of processors means them."""
    size, edge = processor.size, processor.size.get("shortest_edge")
    resize = edge or (size["height"], size["width"])
    crop = None
    if getattr(processor, "do_center_crop", False):
        crop = (processor.crop_size["height"], processor.crop_size["width"])
    match type(processor).__name__.removesuffix("Pil"):
        case "ConvNextImageProcessor" if edge < 384:  # its own threshold
            resize, crop = int(edge / processor.crop_pct), (edge, edge)
        case "ConvNextImageProcessor":
            resize = (edge, edge)
        case "LevitImageProcessor" if edge:
            resize = int(256 / 224 * edge)
        case "PoolFormerImageProcessor" if edge or size["height"] == size["width"]:
            resize = int((edge or size["height"]) / processor.crop_pct)
    if crop is None and isinstance(resize, int):
        raise ValueError("its pictures differ in shape, since it does not crop")
    interpolation = INTERPOLATIONS[int(processor.resample)]
    return {"resize": resize, "crop": crop or resize, "interpolation": interpolation}


def _timm(processor: Any) -> dict[str, Any]:
    """Read timm's data configuration, as its own evaluation transform does."""
    config = processor.data_config
    _, height, width = config["input_size"]
    resize = (int(height / config["crop_pct"]), int(width / config["crop_pct"]))
    if config["crop_mode"] not in ("center", "squash"):
        raise ValueError(f"crop mode {config['crop_mode']}")
    keep_proportions = config["crop_mode"] == "center" and height == width
    return {
        "resize": resize[0] if keep_proportions else resize,
        "crop": (height, width),
        "interpolation": config["interpolation"],
        "crop_rounding": "half_even",
    }


def _colours(processor: Any) -> dict[str, Any]:
    """Return mean, std and channels, measured on pictures of one colour each."""
    black = _middle(processor, (0, 0, 0))
    colours = np.eye(3, dtype=int) * 255  # red, green, blue
    scales = np.array([_middle(processor, tuple(colour)) - black for colour in colours]) / 255
    for order, flipped in zip(_ORDERS, (scales, scales[:, ::-1]), strict=True):
        scale = flipped.diagonal()
        if scale.all() and np.array_equal(flipped, np.diag(scale)):
            mean = -(black if order == "RGB" else black[::-1]) / scale
            return {"mean": _plain(mean), "std": _plain(1 / scale), "channels": order}
    raise ValueError("it mixes red, green and blue")


def _middle(processor: Any, colour: tuple[int, ...]) -> NDArray[np.float64]:
    """Return what the three channels of a picture become in its middle."""
    pixels = _pixel_values(processor, Image.new("RGB", (64, 64), colour))
    middle: NDArray[np.float64] = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].astype(float)
    return middle


def _plain(numbers: NDArray[np.float64]) -> tuple[float, ...]:
    """Round to the digits that float32 holds, without a negative zero."""
    return tuple(float(f"{number:.6g}") + 0.0 for number in numbers)


def _pixel_values(processor: Any, picture: Image.Image) -> NDArray[np.float32]:
    """Return what the network is given of a picture, (H, W, 3)."""
    pixels = np.asarray(processor(picture, return_tensors="pt")["pixel_values"])
    if pixels.ndim != 4 or pixels.shape[:2] != (1, 3):
        raise ValueError(f"it makes an array of the shape {pixels.shape} of a picture")
    values: NDArray[np.float32] = pixels[0].transpose(1, 2, 0)
    return values


def _check(preprocessing: Preprocessing, processor: Any) -> None:
    """Compare our pixels with the processor's on pictures of awkward sizes; raises PrepareError.

    So a processor that does something beyond `Preprocessing` is refused instead of half followed.
    """
    if _crops_more_than_it_has(preprocessing):
        raise _unsupported(processor, "crops more than it has resized to")
    for seed, size in enumerate(((500, 375), (333, 501), (90, 131))):
        if not _agree(preprocessing, processor, dead_leaves(size, seed)):
            raise _unsupported(processor, "does more than resize, crop the centre and normalise")


def _crops_more_than_it_has(preprocessing: Preprocessing) -> bool:
    resize = preprocessing.resize
    height, width = (resize, resize) if isinstance(resize, int) else resize
    return preprocessing.crop[0] > height or preprocessing.crop[1] > width


def _agree(preprocessing: Preprocessing, processor: Any, picture: Image.Image) -> bool:
    png = io.BytesIO()
    picture.save(png, "PNG")
    ours = image.decode(png.getvalue(), preprocessing, Settings()).astype(np.float32)
    theirs = _pixel_values(processor, picture)
    if preprocessing.channels == "BGR":
        theirs = theirs[..., ::-1]
    levels = theirs * preprocessing.std + preprocessing.mean
    return ours.shape == levels.shape and bool(np.abs(ours - levels).mean() <= TOLERANCE)


def _unsupported(processor: Any, what: str) -> PrepareError:
    name = type(processor).__name__
    return PrepareError(
        f"the model's image processor, {name}, {what}; such models are not supported"
    )
