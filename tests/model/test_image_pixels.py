"""What a model sees of a picture: upright, composited onto white, at the right size."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from inference_app.model.pixels import denormalise
from inference_app.model.preprocessing import Channels, Preprocessing
from tests.conftest import ESPRESSO, encode, gradient
from tests.model.test_image import PICTURES, PNG, WANTED, chunk, pixels

ORIENTATION = 0x0112
SIDEWAYS = {  # what a camera stores, by the EXIF orientation that it writes
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
RED, BLUE, WHITE, GREY = (255, 0, 0), (0, 0, 255), (255, 255, 255), (127, 127, 127)


def oriented(orientation: object) -> Image.Exif:
    """Return EXIF data with just an orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference, in grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


def plain(picture: Image.Image, wanted: Preprocessing = WANTED) -> NDArray[np.uint8]:
    """Return what a model should see of an upright picture, done step by step."""
    short = min(picture.size)
    size = [wanted.shortest_edge * edge // short for edge in picture.size]
    resized = picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.BILINEAR)
    left, top = (size[0] - wanted.crop[1]) // 2, (size[1] - wanted.crop[0]) // 2
    return np.asarray(resized)[top : top + wanted.crop[0], left : left + wanted.crop[1]]


def colour(data: bytes, **settings: object) -> tuple[int, ...]:
    """Return the one colour that a picture is seen in."""
    (levels,) = np.unique(pixels(data, **settings).reshape(-1, 3), axis=0)  # type: ignore[arg-type]
    return tuple(map(int, levels))


@pytest.mark.parametrize("orientation", SIDEWAYS)
@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 3), ("MPO", 3), ("PNG", 1), ("WEBP", 3)])
@pytest.mark.parametrize("size", [(640, 480), (120, 100)])
def test_a_picture_is_turned_upright(
    kind: str, tolerance: float, orientation: int, size: tuple[int, int]
) -> None:
    turn = SIDEWAYS[orientation]
    upright = gradient(*size).resize((size[0] // 2, size[1] // 2)).resize(size)
    stored = upright if turn is None else upright.transpose(turn)
    data = encode(stored, kind, exif=oriented(orientation), quality=95)
    assert difference(pixels(data), plain(upright)) < tolerance


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    data = encode(gradient(), "JPEG", exif=oriented(orientation))
    np.testing.assert_array_equal(pixels(data), pixels(PICTURES["JPEG"]))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"rubbish",
        b"MM\0*",
        b"MM\0*\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" + b"\xff" * 30,
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x07\0\xff\xff\xff\x7f\0\0\0\0",
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_absurd_exif_is_ignored(kind: str, exif: bytes) -> None:
    data = PICTURES[kind]
    content = b"Exif\0\0" + exif
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    place, part = (
        (2, segment) if kind == "JPEG" else (data.index(b"IDAT") - 4, chunk(b"eXIf", exif))
    )
    np.testing.assert_array_equal(pixels(data[:place] + part + data[place:]), pixels(data))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_every_mode_is_seen_in_its_colours(mode: str, kind: str) -> None:
    if (mode, kind) in [("CMYK", "PNG"), ("P", "JPEG")]:
        kind = "TIFF"
    picture = gradient().convert(mode)
    seen = pixels(encode(picture, kind, quality=95))
    assert difference(seen, plain(picture)) < 3


def test_an_adobe_cmyk_jpeg_is_not_seen_inverted() -> None:
    red = encode(Image.new("CMYK", (80, 60), (0, 255, 255, 0)), "JPEG", quality=100)
    assert b"Adobe" in red
    np.testing.assert_allclose(colour(red), RED, atol=3)


def test_a_ycck_jpeg_is_seen_in_its_colours() -> None:
    stored = (179, 171, 1, 255)  # red's inks, (0, 255, 255), as YCbCr; no black, inverted
    inks = Image.new("CMYK", (80, 60), tuple(255 - level for level in stored))  # Pillow inverts
    data = bytearray(encode(inks, "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2  # the transform: 0 is CMYK, 2 is YCCK
    np.testing.assert_allclose(colour(bytes(data)), RED, atol=4)


def test_sixteen_bits_of_grey_are_scaled() -> None:
    grey = np.asarray(gradient().convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    assert difference(pixels(encode(deep)), plain(gradient().convert("L"))) < 1


def test_sixteen_bits_of_grey_may_have_a_transparent_level() -> None:
    header = struct.pack(">IIBBBBB", 80, 60, 16, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x12\x34" * 80) * 60)
    ground = chunk(b"tRNS", b"\x12\x34")
    data = PNG + chunk(b"IHDR", header) + ground + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert colour(data) == WHITE
    assert colour(data.replace(ground, b"")) == (0x12, 0x12, 0x12)


def test_sixteen_bits_of_colour_are_scaled() -> None:
    deep = np.asarray(gradient()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", 320, 240, 16, 2, 0, 0, 0)
    data = PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert difference(pixels(data), plain(gradient())) < 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    picture = Image.new(mode.replace("A", "") if mode != "RGBA" else "RGB", (80, 60), 0)
    picture.putalpha(0)
    data = encode(picture, "TIFF")
    assert Image.open(io.BytesIO(data)).mode == mode
    assert colour(data) == WHITE


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_half_transparent_is_pale(mode: str, kind: str) -> None:
    picture = Image.new("RGBA", (80, 60), (0, 0, 0, 128)).convert(mode)
    np.testing.assert_allclose(colour(encode(picture, kind, lossless=True)), GREY, atol=1)


def test_what_fades_is_seen_as_on_paper_before_it_is_made_smaller() -> None:
    picture = gradient()
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    paper = Image.new("RGBA", picture.size, "white")
    assert difference(pixels(encode(picture)), plain(Image.alpha_composite(paper, picture))) < 1


@pytest.mark.parametrize(
    ("mode", "ink", "transparent"),
    [
        ("L", 9, 9),
        ("1", 0, 0),
        ("RGB", (9, 8, 7), (9, 8, 7)),
        ("P", 3, 3),
        ("P", 3, b"\xff\xff\xff\0"),
    ],
)
def test_a_colour_that_stands_for_transparent_is_white(
    mode: str, ink: int | tuple[int, int, int], transparent: object
) -> None:
    picture = Image.new(mode, (80, 60), ink)
    if mode == "P":
        picture.putpalette([0, 0, 0] * 4)
    data = encode(picture, transparency=transparent)
    assert colour(data) == WHITE
    assert colour(encode(picture)) != WHITE


@pytest.mark.parametrize("alphas", [b"\5" * 3000, b"\xff" * 300 + b"\0"], ids=["many", "one"])
def test_transparency_beyond_the_palette_is_ignored(alphas: bytes) -> None:
    data = encode(Image.new("P", (80, 60)))
    place = data.index(b"IDAT") - 4
    np.testing.assert_array_equal(
        pixels(data[:place] + chunk(b"tRNS", alphas) + data[place:]), pixels(data)
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_transparency_of_another_mode_is_ignored(depth: int) -> None:
    colour = struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0)
    grey = struct.pack(">IIBBBBB", 10, 10, depth, 0, 0, 0, 0)
    parts = [(b"IHDR", colour), (b"tRNS", bytes(6)), (b"IHDR", grey)]
    parts += [(b"IDAT", zlib.compress(bytes(10 * (10 * depth // 8 + 1)))), (b"IEND", b"")]
    assert pixels(PNG + b"".join(chunk(*part) for part in parts)).max() == 0


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "TIFF"])
def test_of_several_frames_the_first_is_seen(kind: str) -> None:
    frames = [Image.new("RGB", (80, 60), ink) for ink in (RED, BLUE)]
    options = {} if kind == "TIFF" else {"duration": 100}
    if kind == "WEBP":
        options["lossless"] = True
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    assert colour(data) == RED


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2), (63, 65)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_any_size_and_shape_is_seen(size: tuple[int, int], kind: str) -> None:
    data = encode(Image.new("RGB", size, (200, 100, 50)), kind, quality=100)
    np.testing.assert_allclose(pixels(data), np.full((64, 64, 3), (200, 100, 50)), atol=6)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1)])
def test_of_a_long_picture_the_middle_is_seen(size: tuple[int, int]) -> None:
    levels = np.linspace(0, 255, 5000).astype(np.uint8).reshape(size[::-1])
    np.testing.assert_allclose(pixels(encode(Image.fromarray(levels))), 127, atol=1)


@pytest.fixture(scope="module")
def large() -> bytes:
    """Make a photo of 12 megapixels."""
    photo = Image.open(ESPRESSO).resize((4000, 3000), Image.Resampling.BICUBIC)
    return encode(photo, "JPEG", quality=90)


@pytest.mark.parametrize("edge", [64, 128, 256])
def test_decoding_at_a_smaller_scale_is_not_seen(large: bytes, edge: int) -> None:
    wanted = replace(WANTED, resize=edge, crop=(edge, edge))
    seen = pixels(large, wanted)
    assert difference(seen, plain(Image.open(io.BytesIO(large)), wanted)) < 2


def test_a_large_jpeg_is_decoded_at_a_smaller_scale(
    large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    load = JpegImagePlugin.JpegImageFile.load

    def watched(self: JpegImagePlugin.JpegImageFile) -> object:
        sizes.append(self.size)
        return load(self)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", watched)
    pixels(large, replace(WANTED, resize=224, crop=(224, 224)))
    assert set(sizes) == {(1000, 750)}  # a quarter; an eighth would be less than twice 224


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_every_level_comes_back_from_a_normalised_tensor(channels: Channels) -> None:
    wanted = replace(
        WANTED, channels=channels, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
    )
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3) ^ np.array(
        [0, 7, 99], np.uint8
    )
    planes = ((levels - wanted.mean) / wanted.std).transpose(0, 3, 1, 2)
    values = (planes if channels == "RGB" else planes[:, ::-1]).astype(np.float32)
    assert np.array_equal(denormalise(values, wanted), levels)


def test_what_is_between_two_levels_or_beyond_them_becomes_the_nearest() -> None:
    values = np.array([-3, 0.4, 0.6, 254.4, 254.6, 300], np.float32).reshape(1, 3, 1, 2)
    bare = replace(WANTED, mean=(0, 0, 0), std=(1, 1, 1))
    levels = denormalise(values, bare).transpose(0, 3, 1, 2).ravel()
    assert levels.tolist() == [0, 0, 1, 254, 255, 255]
