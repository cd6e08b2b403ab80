"""Pictures as a network in training gets them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference_app.config import Settings
from inference_app.evaluate.dataset import LabelledPicture
from inference_app.model import image
from inference_app.model.preprocessing import Preprocessing
from inference_app.train.pixels import RandomPart, to_train, to_validate
from tests.conftest import encode, gradient

WANTED = Preprocessing(32, (24, 24), "bilinear", (124.0, 116.0, 104.0), (58.0, 57.0, 56.0))


@pytest.fixture
def pictures(tmp_path: Path) -> list[LabelledPicture]:
    (tmp_path / "a.png").write_bytes(encode(gradient(60, 40)))
    return [LabelledPicture(tmp_path / "a.png", 3)]


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_held_out_pictures_are_what_the_server_sees(
    pictures: list[LabelledPicture], channels: str
) -> None:
    levels = image.decode(pictures[0].file.read_bytes(), WANTED, Settings())
    expected = (levels - np.array(WANTED.mean)) / np.array(WANTED.std)
    given = replace(WANTED, channels=channels)  # type: ignore[arg-type]
    found = to_validate(pictures, given)[0]
    assert found["labels"] == 3
    assert found["pixel_values"].dtype == torch.float32
    values = found["pixel_values"].permute(1, 2, 0).numpy()
    assert values[..., :: 1 if channels == "RGB" else -1] == pytest.approx(expected, abs=1e-5)


def test_pictures_to_train_on_look_different_each_time(pictures: list[LabelledPicture]) -> None:
    training = to_train(pictures, WANTED, flip=True)
    first, second = (training[0]["pixel_values"] for _ in range(2))
    assert first.shape == second.shape == (3, 24, 24)
    assert not torch.equal(first, second)


def test_the_same_seed_makes_the_same_pictures(pictures: list[LabelledPicture]) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(1)
        found.append(to_train(pictures, WANTED, flip=True)[0]["pixel_values"])
    assert torch.equal(*found)


def test_pictures_are_mirrored_only_where_they_may_be(pictures: list[LabelledPicture]) -> None:
    # The gradient's red grows to the right.
    def mirrored(flip: bool) -> set[bool]:
        training = to_train(pictures, WANTED, flip)
        reds = [training[0]["pixel_values"][0] for _ in range(30)]
        return {bool(red[:, 0].mean() > red[:, -1].mean()) for red in reds}

    assert mirrored(flip=False) == {False}
    assert mirrored(flip=True) == {False, True}


def test_a_random_part_lies_within_the_picture() -> None:
    part = RandomPart(**vars(WANTED))
    areas = []
    for _ in range(100):
        left, top, right, bottom = part.box(60, 40)
        assert 0 <= left < right <= 60
        assert 0 <= top < bottom <= 40
        areas.append((right - left) * (bottom - top) / 2400)
    assert 0.3 < min(areas) < 0.6 < max(areas)
