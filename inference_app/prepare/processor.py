"""From a model's own image processor to `Preprocessing`."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import Settings
from inference_app.errors import PrepareError
from inference_app.model import image
from inference_app.model.preprocessing import Interpolation, Preprocessing
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


def preprocessing_of(processor: Any) -> Preprocessing:
    """Read an image processor's numbers; raises PrepareError if it resizes in an unknown way."""
    try:
        if hasattr(processor, "data_config"):
            return _from_timm(processor.data_config)
        resize, crop = _sizes(processor)
        scale = 1 / processor.rescale_factor if processor.do_rescale else 1.0
        normalize = processor.do_normalize
        return Preprocessing(
            resize=resize,
            crop=crop,
            interpolation=INTERPOLATIONS[int(processor.resample)],
            mean=tuple(scale * mean for mean in processor.image_mean) if normalize else (0.0,) * 3,
            std=tuple(scale * std for std in processor.image_std) if normalize else (scale,) * 3,
        )
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        name = type(processor).__name__
        raise PrepareError(f"cannot read the model's image processor, {name}: {error}") from error


def _sizes(processor: Any) -> tuple[int | tuple[int, int], tuple[int, int]]:
    """Return the resize and the crop, as each family of processors in transformers means them."""
    family = type(processor).__name__.removesuffix("Pil")
    size, edge = processor.size, processor.size.get("shortest_edge")
    if family == "ConvNextImageProcessor":
        warp = edge >= 384  # its own threshold: above it, no crop but a change of proportions
        return ((edge, edge) if warp else int(edge / processor.crop_pct)), (edge, edge)
    if family == "LevitImageProcessor" and edge:
        edge = int(256 / 224 * edge)
    if family == "PoolFormerImageProcessor" and edge:
        edge = int(edge / processor.crop_pct)
    resize = edge or (size["height"], size["width"])
    if getattr(processor, "do_center_crop", False):
        return resize, (processor.crop_size["height"], processor.crop_size["width"])
    if isinstance(resize, int):
        raise ValueError("its pictures differ in shape, since it does not crop")
    return resize, resize


def _from_timm(config: dict[str, Any]) -> Preprocessing:
    """Read timm's data configuration, as its own evaluation transform does."""
    _, height, width = config["input_size"]
    resize = (int(height / config["crop_pct"]), int(width / config["crop_pct"]))
    if config["crop_mode"] not in ("center", "squash"):
        raise ValueError(f"crop mode {config['crop_mode']}")
    keep_proportions = config["crop_mode"] == "center" and height == width
    return Preprocessing(
        resize=resize[0] if keep_proportions else resize,
        crop=(height, width),
        interpolation=config["interpolation"],
        mean=tuple(255.0 * mean for mean in config["mean"]),
        std=tuple(255.0 * std for std in config["std"]),
        crop_rounding="half_even",
    )


def check(preprocessing: Preprocessing, processor: Any) -> None:
    """Compare our pixels with the processor's on pictures of awkward sizes; raises PrepareError.

    So a processor that does something beyond `Preprocessing` is refused instead of half followed.
    """
    for size in ((500, 375), (333, 501), (90, 131)):
        try:
            same = _agree(preprocessing, processor, _smooth_noise(size))
        except Exception as error:  # either side may refuse what the other's numbers ask for
            raise _unsupported(processor, f" ({first_line(error)})") from error
        if not same:
            raise _unsupported(processor)


def _agree(preprocessing: Preprocessing, processor: Any, picture: Image.Image) -> bool:
    png = io.BytesIO()
    picture.save(png, "PNG")
    ours = image.decode(png.getvalue(), preprocessing, Settings()).astype(np.float32)
    theirs = _grey_levels(processor(picture, return_tensors="pt"), preprocessing)
    return ours.shape == theirs.shape and bool(np.abs(ours - theirs).mean() <= TOLERANCE)


def _unsupported(processor: Any, why: str = "") -> PrepareError:
    return PrepareError(
        f"the model's image processor, {type(processor).__name__}, does more than resize, "
        f"crop the centre and normalise; such models are not supported{why}"
    )


def _smooth_noise(size: tuple[int, int]) -> Image.Image:
    """Draw something with the smoothness of a photo, the same on every run."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def _grey_levels(inputs: Any, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Undo the normalisation of pixel values (1, 3, H, W); return (H, W, 3)."""
    pixels = inputs["pixel_values"][0].numpy().transpose(1, 2, 0)
    levels: NDArray[np.float32] = pixels * preprocessing.std + preprocessing.mean
    return levels
