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
@pytest.mark.parametrize("script", [[], attacks.LEGAL_SCRIPT, attacks.REPEATED_SCRIPT])
def test_jpeg_has_its_size_and_scans(size: tuple[int, int], script: list[attacks.Scan]) -> None:
    data = attacks.jpeg_of_scans(*size, script)
    picture = opened(data)
    assert picture.size == size
    assert np.unique(np.asarray(picture)) == 128
    assert data.count(b"\xff\xda") == 1 + len(script)


def test_the_legal_script_refines_each_coefficient_bit_by_bit() -> None:
    # T.81, G.1.1.1: the first scan of a band has Ah = 0; each later one has the Al before as Ah,
    # and sends the next bit.
    before = dict.fromkeys(range(1, 64), 0)
    for first, last, high, low in attacks.LEGAL_SCRIPT:
        for coefficient in range(first, last + 1):
            assert high == before[coefficient]
            assert low == (high - 1 if high else 13)
            before[coefficient] = low
    assert set(before.values()) == {0}
    assert len(attacks.LEGAL_SCRIPT) == len(attacks.REPEATED_SCRIPT) == 98


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
