"""Which pictures are accepted, and which are refused with which error."""

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import KNOWN_FORMATS, Settings
from inference_app.errors import BadRequest, DamagedPicture, TooLarge, UnsupportedPicture
from inference_app.model.image import _count_scans, decode
from inference_app.model.preprocessing import Preprocessing
from tests.conftest import encode, gradient

WANTED = Preprocessing(64, (64, 64), "bilinear", (0.0,) * 3, (1.0,) * 3)
START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n"

PICTURES = {
    "JPEG": encode(gradient(), "JPEG"),
    "JPEG, progressive": encode(gradient(), "JPEG", progressive=True),
    "MPO": encode(gradient(), "MPO", save_all=True, append_images=[gradient(80, 60)]),
    "PNG": encode(gradient(), "PNG"),
    "PNG, interlaced": encode(gradient(), "PNG", interlace=1),
    "WEBP": encode(gradient(), "WEBP"),
    "WEBP, lossless": encode(gradient(), "WEBP", lossless=True),
    "GIF": encode(gradient(), "GIF"),
    "BMP": encode(gradient(), "BMP"),
    "TIFF": encode(gradient(), "TIFF"),
}
BY_DEFAULT = ("JPEG", "MPO", "PNG", "WEBP")


def pixels(data: bytes, wanted: Preprocessing = WANTED, **settings: object) -> NDArray[np.uint8]:
    """Decode with the default settings, or others."""
    return decode(data, wanted, Settings(**settings))  # type: ignore[arg-type]


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_header(width: int, height: int) -> bytes:
    """Return the beginning of a PNG, without any pixels."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


def with_scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan is there again and again."""
    data = PICTURES["JPEG, progressive"]
    last = data[data.rindex(START_OF_SCAN) : -len(END_OF_IMAGE)]
    return data[:-2] + last * (count - data.count(START_OF_SCAN)) + END_OF_IMAGE


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_becomes_the_input_of_a_model(name: str) -> None:
    result = pixels(PICTURES[name], picture_formats=KNOWN_FORMATS)
    assert result.shape == (64, 64, 3)
    assert result.dtype == np.uint8
    expected = pixels(PICTURES["PNG"]).astype(int)
    assert np.abs(result - expected).mean() < (10 if name == "GIF" else 4)


@pytest.mark.parametrize("name", PICTURES)
def test_the_settings_say_which_kinds_are_accepted(name: str) -> None:
    if name.startswith(BY_DEFAULT):
        pixels(PICTURES[name])
        own = "JPEG" if name == "MPO" else name.split(",")[0]
        others = tuple(kind for kind in KNOWN_FORMATS if kind != own)
    else:
        others = Settings().picture_formats
    with pytest.raises(UnsupportedPicture, match="accepted"):
        pixels(PICTURES[name], picture_formats=others)


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"hello, this is text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\xc5\xd0\xd3\xc6" + bytes(40),
        b"%PDF-1.7\n",
        b"\x00\x00\x00\x20ftypheic" + bytes(40),
        b"\x00\x00\x00\x20ftypavif" + bytes(40),
        b"P6 1 1 255 abc",
        b"\xff\xd8",
        b"\x89PNG",
        b" " + PICTURES["PNG"],
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28),
        b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(28),
    ],
    ids=lambda data: str(data[:16]),
)
def test_what_is_no_accepted_picture_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedPicture, match=r"\(JPEG, PNG, WEBP\)"):
        pixels(data)


def test_no_bytes_are_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="no bytes"):
        pixels(b"")


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "MPO"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_truncated_picture_is_damaged(name: str, part: float) -> None:
    data = PICTURES[name]
    with pytest.raises(DamagedPicture, match=r"^The picture is damaged: .*\.$"):
        pixels(data[: max(20, int(len(data) * part))], picture_formats=KNOWN_FORMATS)


@pytest.mark.parametrize("part", [0.05, 0.2, 0.4])
def test_a_truncated_first_picture_of_an_mpo_is_damaged(part: float) -> None:
    data = PICTURES["MPO"]
    with pytest.raises(DamagedPicture):
        pixels(data[: int(len(data) * part)])


@pytest.mark.parametrize("missing", [2, 100, 10_000])
def test_a_truncated_photo_is_damaged(espresso: bytes, missing: int) -> None:
    with pytest.raises(DamagedPicture):
        pixels(espresso[:-missing])


@pytest.mark.parametrize("length", [0, 1, 10, 400])
@pytest.mark.parametrize("filler", [b"\0", b"x", b"\xff"], ids=str)
@pytest.mark.parametrize(
    "start",
    [b"\xff\xd8\xff", PNG, b"RIFF\x00\x01\x00\x00WEBPVP8 ", b"GIF89a", b"BM", b"II*\0", b"MM\0*"],
    ids=str,
)
def test_rubbish_after_a_signature_is_damaged(start: bytes, filler: bytes, length: int) -> None:
    with pytest.raises(DamagedPicture):
        pixels(start + filler * length, picture_formats=KNOWN_FORMATS)


def test_a_strange_chunk_after_the_pixels_is_damage() -> None:
    data = PICTURES["PNG"]
    with pytest.raises(DamagedPicture, match="tRNS"):  # Pillow raises a ValueError
        pixels(data[:-12] + chunk(b"tRNS", b"") + data[-12:])


@pytest.mark.parametrize(
    ("start", "count"), [(b"IHDR", 12), (b"IDAT", 20), (b"IDAT", 300)], ids=str
)
def test_bytes_that_were_overwritten_are_damage(start: bytes, count: int) -> None:
    data = bytearray(PICTURES["PNG"])
    place = data.index(start) + 12
    data[place : place + count] = b"\xff" * count
    with pytest.raises(DamagedPicture):
        pixels(bytes(data))


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (50_001, 1000)]
)
def test_too_many_pixels_are_refused_before_they_are_decoded(width: int, height: int) -> None:
    header = png_header(width, height)
    assert len(header) < 100
    with pytest.raises(TooLarge, match="megapixels; this server accepts 50"):
        pixels(header)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_each_kind_may_have_so_many_pixels_and_no_more(kind: str) -> None:
    million = encode(Image.new("L", (1000, 1000)), kind)
    more = encode(Image.new("L", (1000, 1001)), kind)
    pixels(million, max_megapixels=1, picture_formats=KNOWN_FORMATS)
    with pytest.raises(TooLarge):
        pixels(more, max_megapixels=1, picture_formats=KNOWN_FORMATS)


@pytest.mark.parametrize("size", [(10_000, 9000), (15_000, 14_000)])
def test_a_high_limit_is_the_only_limit(size: tuple[int, int]) -> None:
    with pytest.raises(DamagedPicture):  # not Pillow's own limit: this header has no pixels
        pixels(png_header(*size), max_megapixels=1000)


def test_an_ordinary_progressive_jpeg_has_few_scans() -> None:
    scans = PICTURES["JPEG, progressive"].count(START_OF_SCAN)
    assert 5 < scans < 20
    pixels(PICTURES["JPEG, progressive"], max_scans=scans)
    with pytest.raises(TooLarge, match=f"more than {scans - 1} scans"):
        pixels(PICTURES["JPEG, progressive"], max_scans=scans - 1)


@pytest.mark.parametrize("scans", [101, 3000])
def test_a_jpeg_of_very_many_scans_is_refused(scans: int) -> None:
    with pytest.raises(TooLarge, match="more than 100 scans"):
        pixels(with_scans(scans))


def test_scans_of_an_mpo_are_counted() -> None:
    with pytest.raises(TooLarge, match="more than 0 scans"):
        pixels(PICTURES["MPO"], max_scans=0)


def test_what_follows_a_jpeg_is_not_taken_for_scans() -> None:
    video = START_OF_SCAN * 200  # phones append seconds of video: megabytes of any bytes
    np.testing.assert_array_equal(pixels(PICTURES["JPEG"] + video), pixels(PICTURES["JPEG"]))


@pytest.mark.parametrize("marker", [START_OF_SCAN, b"\xff\xd9"])
def test_what_a_segment_holds_is_neither_a_scan_nor_the_end(marker: bytes) -> None:
    comment = marker * 200
    segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2) + comment
    jpeg = PICTURES["JPEG, progressive"]
    assert _count_scans(jpeg[:2] + segment + jpeg[2:]) == _count_scans(jpeg)


def test_only_jpegs_have_scans() -> None:
    comment = chunk(b"prVt", START_OF_SCAN * 200)
    data = PICTURES["PNG"][:-12] + comment + PICTURES["PNG"][-12:]
    np.testing.assert_array_equal(pixels(data), pixels(PICTURES["PNG"]))
