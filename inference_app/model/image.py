"""From the bytes of a picture to the pixels that a model sees."""

import io
import re
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from inference_app.config import Settings
from inference_app.errors import BadRequest, DamagedPicture, TooLarge, UnsupportedPicture
from inference_app.model.preprocessing import Preprocessing

# Pillow's warnings tell what is odd about a client's image: nothing that an operator could change.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Kind(NamedTuple):
    """A kind of picture: how its bytes start, and Pillow's reader of its header."""

    signature: re.Pattern[bytes]
    open: Callable[[io.BytesIO], Image.Image]


# Pillow's readers are named here instead of left to Image.open, which would try all that it
# has, Ghostscript for EPS among them.
KINDS = {
    "JPEG": Kind(re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.jpeg_factory),  # and phones' MPO
    "PNG": Kind(re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    "WEBP": Kind(re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    "GIF": Kind(re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
    "BMP": Kind(re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    "TIFF": Kind(re.compile(rb"II\*\0|MM\0\*"), TiffImagePlugin.TiffImageFile),
}

# JPEG's markers, ITU-T T.81, table B.1: those that a segment or the picture's end follows. Within
# a scan 0xFF is followed by 0 or a restart marker.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_END_OF_IMAGE, _START_OF_SCAN = b"\xd9", b"\xda"
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


class Cost(NamedTuple):
    """What it takes to decode an image, at most: an estimate from its header."""

    seconds: float  # of one CPU
    bytes: int  # of memory, beside the encoded bytes


# Decoding that takes less does not have to wait for its turn: photos of up to a megapixel.
CHEAP = 0.03  # seconds


class EncodedImage:
    """An image whose header has been read, and nothing else."""

    def __init__(self, picture: Image.Image, length: int, preprocessing: Preprocessing) -> None:
        self._picture, self._preprocessing = picture, preprocessing
        self.cost = _cost(picture, length)

    def decode(self) -> NDArray[np.uint8]:
        """Return the image as a model's input: upright, resized, cropped; uint8, (H, W, 3), RGB.

        It can be done once. Raises DamagedPicture.
        """
        picture = self._picture
        try:
            # libjpeg can scale while it decodes, for a fraction of the work. At twice the size
            # that is needed the difference is as small as that between two resize filters.
            picture.draft("RGB", (2 * self._preprocessing.shortest_edge,) * 2)
            picture.load()
            picture = _upright(picture)  # one name for all of them: what is done with is freed
            picture = _to_colours(picture)
            picture = _resize_and_crop(picture, self._preprocessing)
            return np.asarray(_on_white_paper(picture))
        except Exception as error:  # Pillow's parsers raise whatever they trip over
            raise DamagedPicture(f"The picture is damaged: {error}.") from error


def open_image(data: bytes, preprocessing: Preprocessing, settings: Settings) -> EncodedImage:
    """Read the header of an image, which tells what it costs to decode it.

    Raises BadRequest (no bytes), UnsupportedPicture, TooLarge or DamagedPicture.
    """
    picture = _open(data, settings.picture_formats)
    _check_cost(picture, data, settings)
    return EncodedImage(picture, len(data), preprocessing)


def decode(data: bytes, preprocessing: Preprocessing, settings: Settings) -> NDArray[np.uint8]:
    """Open and decode an image; see `open_image` and `EncodedImage.decode`."""
    return open_image(data, preprocessing, settings).decode()


def _cost(picture: Image.Image, length: int) -> Cost:
    pixels = picture.width * picture.height
    return Cost(50e-9 * pixels + 30e-9 * length, 16 * pixels)


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Read the header alone. The bytes decide what it is, whatever the client called it."""
    if not data:
        raise BadRequest("The picture has no bytes: was the file empty?")
    kind = next((name for name in formats if KINDS[name].signature.match(data)), None)
    if kind is None:
        raise UnsupportedPicture(
            f"This is not a picture of a kind that is accepted ({', '.join(formats)}). "
            "Save it as one of these and send that."
        )
    try:
        return KINDS[kind].open(io.BytesIO(data))
    except Exception as error:  # as above
        raise DamagedPicture(f"The picture is damaged: {error}.") from error


def _check_cost(picture: Image.Image, data: bytes, settings: Settings) -> None:
    """Refuse what is small to send and dear to decode, before anything is decoded."""
    megapixels = picture.width * picture.height / 1e6
    if megapixels > settings.max_megapixels:
        raise TooLarge(
            f"The picture has {megapixels:.1f} megapixels; "
            f"this server accepts {settings.max_megapixels}. Send it smaller."
        )
    if picture.format in ("JPEG", "MPO") and has_more_scans(data, settings.max_scans):
        raise TooLarge(
            f"The JPEG has more than {settings.max_scans} scans. Save it again as a plain JPEG."
        )


def has_more_scans(jpeg: bytes, most: int) -> bool:
    """Tell whether a JPEG has more than `most` scans before its end.

    What phones append to it, a film say, may look like scans, and is none: so where the bytes of
    the marker are too many, the markers are walked.
    """
    return jpeg.count(b"\xff" + _START_OF_SCAN) > most and _count_scans(jpeg) > most


def _count_scans(jpeg: bytes) -> int:
    scans, at = 0, 2
    while (marker := _MARKER.search(jpeg, at)) and marker[1] != _END_OF_IMAGE:
        scans += marker[1] == _START_OF_SCAN
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return scans


def _upright(picture: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says; unreadable EXIF says nothing."""
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 as viewers do: show a picture whose EXIF is broken
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _to_colours(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, or in RGBA if one can see through it."""
    if picture.mode.startswith("I"):
        # 16 bits of grey: Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(picture).clip(0, 65535) >> 8
        picture = Image.fromarray(levels.astype(np.uint8))
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)  # else it would be copied


def _resize_and_crop(picture: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    height, width = preprocessing.crop
    resample = Image.Resampling[preprocessing.interpolation.upper()]
    box = preprocessing.box(picture.width, picture.height)
    return picture.resize((width, height), resample, box=box)


def _on_white_paper(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB as a person would see it; made small before, that costs nothing."""
    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")
