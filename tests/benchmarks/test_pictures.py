"""The pictures that benchmarks post."""

import io

import pytest
from PIL import Image

from benchmarks import pictures

PHOTO = pictures.generated(100_000)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_generated_pictures_have_the_requested_sizes() -> None:
    assert len(PHOTO) == pytest.approx(100_000, rel=0.05)
    assert opened(PHOTO).size == (500, 375)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_phone_s_picture(progressive: bool) -> None:
    picture = opened(pictures.phone(PHOTO, 3, progressive=progressive))
    assert picture.size == (2000, 1500)
    assert bool(picture.info.get("progressive")) is progressive


def test_kinds() -> None:
    kinds = {
        name: [opened(each) for each in make([PHOTO] * 2)] for name, make in pictures.KINDS.items()
    }
    assert {name: made[0].format for name, made in kinds.items()} == {
        "12 MP JPEG": "JPEG",
        "12 MP progressive JPEG": "JPEG",
        "small JPEG": "JPEG",
        "PNG": "PNG",
        "WebP": "WEBP",
    }
    assert kinds["12 MP JPEG"][0].size == (4000, 3000)
    assert max(kinds["small JPEG"][0].size) == 256
