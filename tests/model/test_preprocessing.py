"""What a model's image processor does, as numbers and as pixels."""

import json
import random
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference_app.model.pixels import _resize_and_crop
from inference_app.model.preprocessing import Preprocessing

PLAIN = Preprocessing(64, (48, 40), "bilinear", (1.5, 2.5, 3.5), (4.0, 5.0, 6.0))
EXACT = replace(PLAIN, resize=(60, 56), crop_rounding="half_even")
RESIZES = [48, 57, 64, (60, 56), (48, 40), (49, 43)]
SIZES = [(64, 64), (128, 96), (96, 128), (65, 64), (64, 65), (40, 48), (1, 1), (7, 3)]
rng = random.Random(20)  # noqa: S311
SIZES += [(rng.randint(20, 700), rng.randint(20, 700)) for _ in range(24)]


def smooth(width: int, height: int) -> Image.Image:
    """Draw a picture without edges, where one pixel to the side is another level."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    return Image.fromarray((np.stack([x, y, (x + y) / 2], axis=-1) * 255).astype(np.uint8))


def resize_then_crop(picture: Image.Image, wanted: Preprocessing) -> NDArray[np.uint8]:
    """Do it in two steps, as image processors do."""
    width, height = picture.size
    if isinstance(wanted.resize, int):
        short, long = sorted(picture.size)
        edge = wanted.resize * long // short
        size = (wanted.resize, edge) if width <= height else (edge, wanted.resize)
    else:
        size = wanted.resize[::-1]
    resized = picture.resize(size, Image.Resampling[wanted.interpolation.upper()])
    excess = np.array(size) - wanted.crop[::-1]
    left, top = excess // 2 if wanted.crop_rounding == "down" else np.round(excess / 2).astype(int)
    return np.asarray(resized)[top : top + wanted.crop[0], left : left + wanted.crop[1]]


@pytest.mark.parametrize("rounding", ["down", "half_even"])
@pytest.mark.parametrize("resize", RESIZES, ids=str)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_one_pass_gives_what_two_give(
    rounding: Literal["down", "half_even"],
    resize: int | tuple[int, int],
    interpolation: Literal["bilinear", "bicubic"],
) -> None:
    wanted = replace(PLAIN, resize=resize, crop_rounding=rounding, interpolation=interpolation)
    for size in SIZES:
        picture = smooth(*size)
        one = np.asarray(_resize_and_crop(picture, wanted))
        two = resize_then_crop(picture, wanted)
        assert one.shape == two.shape == (48, 40, 3)
        # Pillow's boxes are of 32-bit floats: a level or two is rounding, a pixel is 4 levels.
        difference = np.abs(one.astype(int) - two)
        assert difference.max() <= 2, size
        assert difference.mean() < 0.5, size


@pytest.mark.parametrize("resize", RESIZES, ids=str)
@pytest.mark.parametrize("size", [*SIZES, (1, 5000), (5000, 1), (8191, 3), (33, 9999)], ids=str)
def test_the_box_lies_within_the_picture(
    size: tuple[int, int], resize: int | tuple[int, int]
) -> None:
    width, height = size
    box = replace(PLAIN, resize=resize).box(width, height)
    left, top, right, bottom = np.array(box, np.float32)  # as Pillow takes it
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize(
    ("rounding", "excess", "margin"),
    [
        ("down", 4, 2),
        ("down", 5, 2),
        ("down", 7, 3),
        ("half_even", 4, 2),
        ("half_even", 5, 2),
        ("half_even", 7, 4),
    ],
)
def test_half_a_pixel_is_rounded_as_the_processor_does(
    rounding: Literal["down", "half_even"], excess: int, margin: int
) -> None:
    wanted = Preprocessing((32, 32 + excess), (32, 32), "bilinear", (), (), rounding)
    assert wanted.box(32 + excess, 32) == (margin, 0, margin + 32, 32)


@pytest.mark.parametrize(("resize", "edge"), [(64, 64), ((60, 56), 60), ((56, 60), 60)])
def test_no_edge_is_needed_smaller(resize: int | tuple[int, int], edge: int) -> None:
    assert replace(PLAIN, resize=resize).shortest_edge == edge


@pytest.mark.parametrize("given", [PLAIN, EXACT])
def test_it_survives_json(given: Preprocessing) -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(given.to_json()))) == given


@pytest.mark.parametrize("name", list(PLAIN.to_json()))
def test_a_field_that_is_missing_is_an_error(name: str) -> None:
    data = PLAIN.to_json()
    del data[name]
    with pytest.raises(KeyError, match=name):
        Preprocessing.from_json(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [("resize", None), ("crop", 5), ("crop", ["a", "b"]), ("mean", 1), ("std", "x")],
)
def test_a_field_of_the_wrong_type_is_an_error(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Preprocessing.from_json(PLAIN.to_json() | {name: value})


def test_an_unknown_interpolation_is_refused() -> None:
    data = PLAIN.to_json() | {"interpolation": "wishful"}
    with pytest.raises(ValueError, match="wishful"):
        Preprocessing.from_json(data)
