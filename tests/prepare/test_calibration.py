"""Which pictures a network in int8 is calibrated on, and which it is checked on."""

import shutil
from pathlib import Path

import pytest

from inference_app.errors import PrepareError
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.calibration import Pictures
from tests.prepare.test_network import PREPROCESSING


def choose(folder: Path, preprocessing: Preprocessing = PREPROCESSING) -> Pictures:
    return Pictures.choose(folder, preprocessing)


def test_a_third_calibrates_and_the_rest_is_held_out(drawn: Path) -> None:
    chosen = choose(drawn)
    assert (len(chosen.calibrating), len(chosen.held_out)) == (100, 200)
    assert len({*chosen.calibrating, *chosen.held_out}) == 300


def test_the_same_pictures_are_held_out_wherever_the_folder_is(drawn: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(drawn, tmp_path / "elsewhere"))
    first, second = choose(drawn), choose(copy)
    assert [file.name for file in first.held_out] == [file.name for file in second.held_out]


def test_all_classes_calibrate(drawn: Path) -> None:
    """The folder has three of 100 pictures, which a sorted listing would take one by one."""
    assert {file.parent.name for file in choose(drawn).calibrating} == {"0", "1", "2"}


def test_pixels_are_a_batch_of_one(drawn: Path) -> None:
    chosen = choose(drawn)
    assert chosen.decode(chosen.held_out[0]).shape == (1, 32, 32, 3)


def test_too_few_pictures_are_refused(drawn: Path, tmp_path: Path) -> None:
    """Also if copies, and files that are no pictures, would make enough."""
    folder = Path(shutil.copytree(drawn, tmp_path / "few"))
    missing, *others = sorted(folder.rglob("*.png"))
    missing.write_text("not a picture")
    shutil.copy(others[0], folder / "copy.png")
    why = r"few holds 299 pictures .* int8 needs 300: 100 to calibrate with, 200 to check"
    with pytest.raises(PrepareError, match=why):
        choose(folder)


@pytest.mark.parametrize("name", ["empty", "nothing"])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrepareError, match=f"{name} holds 0 pictures"):
        choose(tmp_path / name)
