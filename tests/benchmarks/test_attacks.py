"""The requests that are expensive for the server are what their names say."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import attacks


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("blocks", [1, 2, 3, 255, 32_767, 32_768, 781_250])
def test_runs_cover_all_blocks(blocks: int) -> None:
    bits, covered = attacks.end_of_band_runs(blocks), 0
    while bits:
        n = int(bits[:4], 2)
        covered += 2**n + int(bits[4 : 4 + n] or "0", 2)
        bits = bits[4 + n :]
    assert covered == blocks


@pytest.mark.parametrize("size", [(8, 8), (500, 375), (4000, 3000)])
@pytest.mark.parametrize("scans", [1, 2, 99])
def test_jpeg_has_its_size_and_scans(size: tuple[int, int], scans: int) -> None:
    data = attacks.jpeg_of_scans(*size, scans)
    picture = opened(data)
    assert picture.size == size
    assert np.unique(np.asarray(picture)) == 128
    assert data.count(b"\xff\xda") == scans


def test_jpeg_of_segments_is_a_picture() -> None:
    data = attacks.jpeg_of_segments(1000)
    assert 4000 < len(data) < 4500
    assert opened(data).size == (8, 8)


@pytest.mark.parametrize(("colour", "mode"), [(2, "RGB"), (4, "LA")])
def test_png_is_complete(colour: int, mode: str) -> None:
    for size in ((1, 300), (3000, 400)):
        picture = opened(attacks.png(*size, colour))
        picture.load()
        assert (picture.size, picture.mode) == (size, mode)


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (16_383, 2)])
def test_webp_has_46_bytes(size: tuple[int, int]) -> None:
    data = attacks.webp(*size)
    assert len(data) == 46
    assert not np.asarray(opened(data).convert("RGB")).any()
    assert opened(data).size == size


def test_json_is_valid() -> None:
    text = attacks.json_of_lists(3000)
    assert len(text) == pytest.approx(3000, rel=0.01)
    assert json.loads(text) == {"a": [[]] * 1001}


def test_no_attack_is_refused_for_its_bytes_alone() -> None:
    sizes = {name: len(body) for name, (body, _) in attacks.attacks()}
    assert max(sizes.values()) < 32 * 2**20
    assert sizes["form of 16 large WebPs"] < 2000
