"""From a loaded picture to the pixels that a model sees."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.errors import UnsupportedPicture
from inference_app.model.preprocessing import Preprocessing

MAX_EXIF = 65_536  # bytes that are read, as many as a JPEG's segment has; the orientation is first
_EXIF = frozenset({"exif", "Raw profile type exif"})  # as bytes, and as ImageMagick's text
_ORIENTATION = 0x0112  # Exif 2.3, table 4
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Modes that are made smaller as they are, for less work and memory, and those that Pillow has to
# convert before. All others, Lab is one, it cannot convert.
_RESIZED = ("L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I", "F")
_CONVERTED = {
    "1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "CMYK": "RGB",
    "YCbCr": "RGB",
}  # fmt: skip
# A level, a colour, an index of the palette, or the palette's alphas.
_TRANSPARENT: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "1": int, "L": int, "I;16": int, "RGB": tuple, "P": (int, bytes)
}  # fmt: skip


def to_input(picture: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a picture as a model's input: upright, resized, cropped; uint8, (H, W, 3), RGB.

    Raises UnsupportedPicture for colours that Pillow cannot convert.
    """
    picture = _upright(picture)  # one name for all of them: what is done with is freed
    picture = _resizable(picture)
    picture = _resize_and_crop(picture, preprocessing)
    return np.asarray(_on_white(_eight_bits(picture)))


def denormalise(values: NDArray[np.float32], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return the pixels, uint8 (N, H, W, 3), RGB, that an image processor made tensors of.

    `values` are float32 (N, 3, H, W), finite, with the channels in the model's order. The network
    normalises by itself and takes 8 bits: what was between two levels becomes the nearer one.
    """
    planes = values if preprocessing.channels == "RGB" else values[:, ::-1]
    levels = planes.transpose(0, 2, 3, 1) * np.array(preprocessing.std, np.float32)
    levels += np.array(preprocessing.mean, np.float32)
    np.rint(levels, out=levels)
    pixels: NDArray[np.uint8] = levels.clip(0, 255, out=levels).astype(np.uint8)
    return pixels


def _upright(picture: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says; unreadable EXIF says nothing."""
    for key in _EXIF.intersection(picture.info):
        picture.info[key] = picture.info[key][:MAX_EXIF]
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 as viewers do: show a picture whose EXIF is broken
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _resizable(picture: Image.Image) -> Image.Image:
    """Return the picture in a mode in which it can be made smaller."""
    transparent = _transparent(picture)
    if picture.mode == "I;16" and transparent is not None:
        return _on_white_16(picture, transparent)
    if picture.mode in _TRANSPARENT and picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode in _RESIZED:
        return picture
    if picture.mode not in _CONVERTED:
        raise UnsupportedPicture(
            f"Pictures in {picture.mode} colours are not accepted. Save it in RGB and send that."
        )
    return picture.convert(_CONVERTED[picture.mode])


def _transparent(picture: Image.Image) -> Any:
    """Return what stands for transparent, by mode; as viewers do, ignore what does not fit it."""
    value = picture.info.pop("transparency", None)
    if not isinstance(value, _TRANSPARENT.get(picture.mode, ())):
        return None
    last = len(value) - 1 if isinstance(value, bytes) else value
    if picture.mode == "P" and last > 255:
        return None
    picture.info["transparency"] = value
    return value


def _on_white_16(picture: Image.Image, transparent: int) -> Image.Image:
    """Composite 16 bits of grey onto white, where one level of grey stands for transparent."""
    levels = np.array(picture)
    levels[levels == transparent] = 65_535
    return Image.fromarray(levels)


def _resize_and_crop(picture: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    height, width = preprocessing.crop
    resample = Image.Resampling[preprocessing.interpolation.upper()]
    box = preprocessing.box(picture.width, picture.height)
    return picture.resize((width, height), resample, box=box)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return the picture with 8 bits a sample: Pillow's own conversion clips 16 at 255."""
    if picture.mode.startswith("I"):
        levels = np.asarray(picture).clip(0, 65_535) >> 8
        return Image.fromarray(levels.astype(np.uint8))
    return picture.convert("L") if picture.mode == "F" else picture


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB as a person would see it; made small before, that costs nothing."""
    if picture.mode not in ("LA", "RGBA"):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
