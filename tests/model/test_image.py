"""Which pictures are accepted, and which are refused with which error."""

import importlib
import struct
import time
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from inference_app.config import KNOWN_FORMATS, Settings
from inference_app.errors import (
    BadRequest,
    DamagedPicture,
    RequestError,
    TooLarge,
    UnsupportedPicture,
)
from inference_app.model import image
from inference_app.model.image import decode
from inference_app.model.preprocessing import Preprocessing
from tests.conftest import encode, gradient
from tests.hostile.jpegs import empty_scans, hidden_scans, many_segments
from tests.hostile.tiffs import flat, overlapping, strips, tiff, tiled

WANTED = Preprocessing(64, (64, 64), "bilinear", (0.0,) * 3, (1.0,) * 3)
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


def pixels(data: bytes, wanted: Preprocessing = WANTED, **settings: object) -> NDArray[np.uint8]:
    """Decode with the default settings, or others."""
    return decode(data, wanted, Settings(**settings))  # type: ignore[arg-type]


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Return the beginning of a PNG, without any pixels."""
    size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_becomes_the_input_of_a_model(name: str) -> None:
    result = pixels(PICTURES[name])
    assert result.shape == (64, 64, 3)
    assert result.dtype == np.uint8
    expected = pixels(PICTURES["PNG"]).astype(int)
    assert np.abs(result - expected).mean() < (10 if name == "GIF" else 4)


@pytest.mark.parametrize("name", PICTURES)
def test_the_settings_say_which_kinds_are_accepted(name: str) -> None:
    pixels(PICTURES[name])
    own = "JPEG" if name == "MPO" else name.split(",")[0]
    others = tuple(kind for kind in KNOWN_FORMATS if kind != own)
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
    with pytest.raises(UnsupportedPicture, match=r"\(JPEG, PNG, WEBP, GIF, BMP, TIFF\)"):
        pixels(data)


def test_no_bytes_are_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="no bytes"):
        pixels(b"")


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "MPO"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_truncated_picture_is_damaged(name: str, part: float) -> None:
    data = PICTURES[name]
    with pytest.raises(DamagedPicture, match=r"^The picture is damaged: .*\.$"):
        pixels(data[: max(20, int(len(data) * part))])


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
        pixels(start + filler * length)


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


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")  # ignored by a server
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_each_kind_may_have_so_many_pixels_and_no_more(kind: str) -> None:
    million = encode(Image.new("L", (1000, 1000)), kind)
    more = encode(Image.new("L", (1000, 1001)), kind)
    pixels(million, max_megapixels=1)
    with pytest.raises(TooLarge):
        pixels(more, max_megapixels=1)


@pytest.mark.parametrize("size", [(10_000, 9000), (15_000, 14_000)])
def test_a_high_limit_is_the_only_limit(size: tuple[int, int]) -> None:
    with pytest.raises(DamagedPicture):  # not Pillow's own limit: this header has no pixels
        pixels(png_header(*size), max_megapixels=1000, max_decode_seconds=60)


@pytest.mark.parametrize(
    "data",
    [
        hidden_scans(7000, 7000, 2500),
        empty_scans(7000, 7000, 2500, components=3),
        empty_scans(763, 65_500, 300_000),
        hidden_scans(500, 375, 50_000),
        many_segments(8_000_000),
        encode(gradient())[:-12] + chunk(b"prVt", b"") * 1_000_000 + encode(gradient())[-12:],
    ],
    ids=["hidden scans", "empty scans", "a long strip", "a small picture", "segments", "chunks"],
)
def test_what_takes_longer_than_it_should_is_ended(data: bytes) -> None:
    start = time.thread_time()
    with pytest.raises(TooLarge, match="takes too long"):
        pixels(data)
    assert time.thread_time() - start < 3  # as SECURITY.md says


def test_a_slow_machine_can_be_given_more_time() -> None:
    data = hidden_scans(500, 375, 1000)
    assert pixels(data, max_decode_seconds=600).shape == (64, 64, 3)


def test_what_would_take_too_long_is_not_begun() -> None:
    with pytest.raises(TooLarge, match="would take too long"):
        pixels(png_header(6900, 7100, depth=16, colour=6))


def test_a_long_edge_is_refused() -> None:
    with pytest.raises(TooLarge, match="edge"):
        pixels(png_header(1, 65_536))


@pytest.mark.parametrize("tail", [b"\xff\xda" * 200, bytes(100_000)], ids=["scans", "zeros"])
def test_what_follows_a_jpeg_is_ignored(tail: bytes) -> None:
    np.testing.assert_array_equal(pixels(PICTURES["JPEG"] + tail), pixels(PICTURES["JPEG"]))


@pytest.mark.parametrize("marker", [b"\xff\xda", b"\xff\xd9"])
@pytest.mark.parametrize("name", ["JPEG", "JPEG, progressive"])
def test_what_a_segment_holds_is_neither_a_scan_nor_the_end(name: str, marker: bytes) -> None:
    comment = marker * 200
    segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2) + comment
    jpeg = PICTURES[name]
    np.testing.assert_array_equal(pixels(jpeg[:2] + segment + jpeg[2:]), pixels(jpeg))


def test_out_of_memory_is_not_blamed_on_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_picture: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(MemoryError):
        pixels(PICTURES["PNG"])


def test_a_bug_of_ours_is_not_blamed_on_the_picture() -> None:
    impossible = replace(WANTED, crop=(-1, -1))
    with pytest.raises(ValueError, match="height and width"):
        pixels(PICTURES["PNG"], impossible)


def test_a_png_without_pixels_is_damaged() -> None:
    header = struct.pack(">IIBBBBB", 10, 10, 8, 3, 0, 0, 0)
    with pytest.raises(DamagedPicture, match="cannot load"):
        pixels(PNG + chunk(b"IHDR", header) + chunk(b"IEND", b""))


def test_a_palette_that_is_missing_is_named() -> None:
    header = struct.pack(">IIBBBBB", 10, 10, 8, 3, 0, 0, 0)
    data = PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(110)))
    with pytest.raises(DamagedPicture, match="its palette is missing"):
        pixels(data + chunk(b"IEND", b""))


@pytest.mark.filterwarnings("default")
def test_pillow_s_warnings_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        importlib.reload(image)  # which sets the filter, as at the start of a worker
        exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" + b"\xff" * 30
        image.decode(encode(gradient(), "JPEG", exif=exif), WANTED, Settings())
        with pytest.raises(DamagedPicture):
            image.decode(overlapping(10, b"\x78\x9c" + bytes(100)), WANTED, Settings())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (overlapping(60_000, bytes(1_000_000)), DamagedPicture, "sizes of its strips"),
        (tiff(strips(100, 100, b"") | {65_000: (3, [0] * 70_000)}), DamagedPicture, "strips"),
        (flat(100, 100).replace(b"\x17\1\4\0", b"\x17\1\2\0"), DamagedPicture, "sizes"),
        (tiff(dict.fromkeys(range(1001), (3, [1]))), DamagedPicture, "too many entries"),
        (tiled(100, 100, (16_384, 16_384)), TooLarge, "too long to decode"),
        (tiled(16, 65_535, (65_536, 16)), TooLarge, "too long to decode"),
        (flat(100, 100, compression=7, photo=6), UnsupportedPicture, "jpeg compression"),
        (flat(100, 100, compression=6, photo=6), UnsupportedPicture, "compression"),
        (flat(100, 100, compression=50_000), UnsupportedPicture, "zstd compression"),
        (flat(100, 100, photo=8), UnsupportedPicture, "LAB colours"),
        (b"II*\0\xff\xff\xff\x7f", DamagedPicture, "directory"),
        (b"II*\0\x08\0\0\0\xff\xff", DamagedPicture, "."),
    ],
)
def test_a_tiff_that_asks_for_too_much_is_refused(
    data: bytes, error: type[RequestError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        pixels(data)


@pytest.mark.parametrize(
    ("photo", "bits"), [(1, 8), (1, 16), (1, 32), (2, 8), (2, 16), (5, 8), (5, 16)]
)
def test_a_tiff_of_any_ordinary_colours_is_seen(photo: int, bits: int) -> None:
    assert pixels(flat(100, 80, bits=bits, photo=photo)).max() in (0, 255)


def test_a_webp_of_very_many_chunks_is_refused() -> None:
    data = PICTURES["WEBP, lossless"] + b"ABCD\0\0\0\0" * 20_000
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    with pytest.raises(DamagedPicture, match="chunks"):
        pixels(data)


def test_a_gif_s_frame_counts_where_it_is_larger_than_the_screen() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0)
    disposal = b"!\xf9\x04\x08\0\0\0\0"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    with pytest.raises(TooLarge, match="megapixels"):
        pixels(screen + disposal + frame + b"\x08\x01\0\0;")
