"""The formats of images: how each is recognised, opened, and what it costs to decode."""

import re
from collections.abc import Callable
from typing import NamedTuple, cast

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from inference_app.errors import DamagedPicture
from inference_app.model import tiff
from inference_app.model.source import Source

# Of a PNG's texts, which are not looked at; Pillow's default is 64 MB.
PngImagePlugin.MAX_TEXT_MEMORY = 8_000_000

MAX_CHUNKS = 10_000  # of a WebP: libwebp makes a list of them
_MAX_GROUPS = 65_536  # of Huffman codes in a lossless WebP; they are for blocks of 16 pixels


class Cost(NamedTuple):
    """What decoding an image takes at most, estimated from its header."""

    seconds: float  # of one CPU: measured on 2 cores of an AMD EPYC (Zen 4)
    bytes: int  # of memory, beside the encoded image


class Jpeg(JpegImagePlugin.JpegImageFile):
    """Pillow's reader, without the EXIF data that it parses to find a resolution.

    It sees the first image of an MPO, which is what phones write, as a JPEG.
    """

    def _read_dpi_from_exif(self) -> None: ...


class WebP(WebPImagePlugin.WebPImageFile):
    """Pillow's reader, which notes whether a part may be lossless: by names that it must have."""

    def _open(self) -> None:
        data = cast("Source", self.fp).getvalue()
        super()._open()
        self.info["lossless"] = b"VP8L" in data or b"ALPH" in data


def _jpeg_cost(picture: Image.Image, pixels: int, length: int) -> Cost:
    """Take `pixels` before, and the picture's size after libjpeg scales it."""
    scaled = picture.width * picture.height
    areas = [across * down for _, down, across, _ in cast("Jpeg", picture).layer]
    coefficients = 2 * sum(areas) / max(*areas, 1)  # bytes a pixel, kept if there are many scans
    if "progressive" in picture.info:
        seconds = 8e-9 * pixels + 5e-9 * scaled + 35e-9 * length
    else:
        seconds = 1.5e-9 * pixels + 5e-9 * scaled + 11e-9 * length
    return Cost(seconds, int(coefficients * pixels) + 8 * scaled)


def _png_cost(picture: Image.Image, pixels: int, length: int) -> Cost:
    tile = picture.tile  # type: ignore[attr-defined]
    layout = str(tile[0].args) if tile else ""  # as "RGB;16B"; without pixels nothing is loaded
    raw = len(layout.split(";")[0]) * (2 if ";16" in layout else 1)  # bytes a pixel
    return Cost(8e-9 * raw * pixels + 6e-9 * pixels + 3e-9 * length, 8 * pixels)


def _webp_cost(picture: Image.Image, pixels: int, length: int) -> Cost:
    """Estimate for a decoder that cannot be stopped, so at its worst if something is lossless.

    Then 5 bytes may ask for 5.7 KB of tables of Huffman codes, which are for 16 pixels each, and
    decoding may change tables all the time. Larger tables cost more bytes.
    """
    if not picture.info["lossless"]:
        return Cost(35e-9 * pixels + 10e-9 * length, 16 * pixels)
    groups = min(pixels // 16 + 1, length // 4, _MAX_GROUPS)
    tables = min(1300 * length, 5700 * groups + 40 * length)
    seconds = 110e-9 * pixels + 10e-9 * length + 6e-6 * groups
    return Cost(seconds, max(16 * pixels, 12 * pixels + tables))


def _gif_cost(_picture: Image.Image, pixels: int, length: int) -> Cost:
    return Cost(15e-9 * pixels + 10e-9 * length, 10 * pixels)


def _bmp_cost(picture: Image.Image, pixels: int, length: int) -> Cost:
    run_lengths = picture.tile[0].codec_name == "bmp_rle"  # type: ignore[attr-defined] # in Python
    return Cost(8e-9 * pixels + (600e-9 if run_lengths else 2e-9) * length, 10 * pixels)


def _tiff_cost(picture: Image.Image, pixels: int, length: int) -> Cost:
    raw = tiff.bytes_per_pixel(picture)
    area = max(pixels, tiff.decoded_area(picture))
    return Cost((10e-9 + 4e-9 * raw) * area + 8e-9 * length, int(raw * area) + 8 * pixels)


def _check_nothing(_data: bytes) -> None: ...


def _check_webp(data: bytes) -> None:
    """Refuse very many chunks. Source: the WebP container specification, RIFF."""
    at, count = 12, 0
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1
        count += 1
        if count > MAX_CHUNKS:
            raise DamagedPicture("The picture is damaged: it has too many chunks.")


class Format(NamedTuple):
    """How a format is recognised, checked, opened, and what it costs to decode."""

    signature: re.Pattern[bytes]
    check: Callable[[bytes], None]  # of the bytes, before Pillow reads them
    open: Callable[[Source], Image.Image]  # Pillow's reader of the header
    cost: Callable[[Image.Image, int, int], Cost]  # of a picture, its pixels and encoded bytes


# Pillow's readers are named here instead of left to Image.open, which would try all that it
# has, Ghostscript for EPS among them.
FORMATS = {
    "JPEG": Format(re.compile(rb"\xff\xd8\xff"), _check_nothing, Jpeg, _jpeg_cost),
    "PNG": Format(
        re.compile(rb"\x89PNG\r\n\x1a\n"), _check_nothing, PngImagePlugin.PngImageFile, _png_cost
    ),
    "WEBP": Format(
        re.compile(rb"RIFF....WEBP", re.DOTALL),
        _check_webp,
        WebP,
        _webp_cost,
    ),
    "GIF": Format(
        re.compile(rb"GIF8[79]a"), _check_nothing, GifImagePlugin.GifImageFile, _gif_cost
    ),
    "BMP": Format(re.compile(rb"BM"), _check_nothing, BmpImagePlugin.BmpImageFile, _bmp_cost),
    "TIFF": Format(
        re.compile(rb"II\*\0|MM\0\*"),
        tiff.check_directory,
        tiff.Tiff,
        _tiff_cost,
    ),
}
