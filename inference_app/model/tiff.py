"""What a TIFF may ask for: libtiff decodes it in one call, which nothing can stop.

Source of tags and types: TIFF 6.0, sections 2, 8 and 15.
"""

import contextlib
import ctypes
import struct
from collections.abc import Mapping
from typing import Any, cast

from PIL import ExifTags, Image, TiffImagePlugin, _imaging

from inference_app.errors import DamagedPicture, UnsupportedPicture

# Lossless ones, whose cost follows from the pixels. JPEG within TIFF may hide thousands of scans.
COMPRESSIONS = (
    "raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "group3", "group4",
    "tiff_ccitt",
)  # fmt: skip
MAX_ENTRIES = 1000  # of the directory
MAX_NUMBERS = 65_536  # of one entry: Pillow makes Python numbers of them; strips have two each
_BYTES = (1, 2, 6, 7)  # types of entries that stay bytes
_IMAGE_WIDTH, _IMAGE_LENGTH, _BITS, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 258, 322, 323
_BYTE_COUNTS = 279, 325  # of strips, of tiles

# libtiff writes a line to stderr for each error, which Pillow raises anyway.
with contextlib.suppress(AttributeError):  # linked in a way that hides it
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


class Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, without the directories of EXIF data: it would make numbers of all of it."""

    def _open(self) -> None:
        super()._open()
        for directory in ExifTags.IFD:
            self.getexif().pop(directory, None)


def check_directory(data: bytes) -> None:
    """Refuse a first directory that is long, or ambiguous, before Pillow and libtiff read it."""
    order = "<" if data.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(order + "L", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        directory = data[start + 2 : start + 2 + 12 * count]
        entries = list(struct.iter_unpack(order + "HHL4x", directory))
    except struct.error as error:
        raise DamagedPicture("The picture is damaged: its directory is cut off.") from error
    if len(entries) > MAX_ENTRIES or len({tag for tag, _, _ in entries}) < len(entries):
        raise DamagedPicture("The picture is damaged: its directory has too many entries.")
    if any(number > MAX_NUMBERS for _, kind, number in entries if kind not in _BYTES):
        raise DamagedPicture("The picture is damaged: it has too many strips.")


def check_layout(picture: Image.Image, length: int) -> None:
    """Refuse what libtiff could work on without end. To be called before the pixels are loaded."""
    compression = picture.info["compression"]
    if compression not in COMPRESSIONS:
        raise UnsupportedPicture(
            f"A TIFF with {compression} compression is not accepted. Save it as a PNG or JPEG."
        )
    total = sum(_total(tags(picture).get(tag)) for tag in _BYTE_COUNTS)
    # Strips may overlap: 65,536 of them, all of the same 32 MB, would be decoded one by one.
    if compression != "raw" and not 0 < total <= 2 * length:
        raise DamagedPicture("The picture is damaged: the sizes of its strips are wrong.")


def _total(counts: object) -> int:
    numbers = counts if isinstance(counts, (tuple, bytes)) else (counts,)
    return sum(number for number in numbers if isinstance(number, int))


def bytes_per_pixel(picture: Image.Image) -> float:
    """Return the bytes of a decoded pixel, all samples together, as libtiff stores them."""
    bits = tags(picture).get(_BITS, 1)
    return (sum(bits) if isinstance(bits, tuple) else int(bits)) / 8


def decoded_area(picture: Image.Image) -> int:
    """Return how many pixels are decoded, in tiles that may be larger than the picture."""
    width, height = _tag(picture, _IMAGE_WIDTH, 1), _tag(picture, _IMAGE_LENGTH, 1)
    across, down = _tag(picture, _TILE_WIDTH, 1), _tag(picture, _TILE_LENGTH, 1)
    return -(-width // across) * across * -(-height // down) * down


def _tag(picture: Image.Image, tag: int, default: int) -> int:
    """Return the number in a tag, which is 1 at least."""
    value = tags(picture).get(tag, default)
    return max(1, value) if isinstance(value, int) else default


def tags(picture: Image.Image) -> Mapping[int, Any]:
    """Return the tags of the first image."""
    return cast("TiffImagePlugin.TiffImageFile", picture).tag_v2
