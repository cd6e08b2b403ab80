"""Which pictures are trained on, and which are held out."""

from pathlib import Path

import pytest

from inference_app.evaluate.dataset import DatasetError, is_held_out
from inference_app.model.prepared import sha256
from inference_app.model.preprocessing import Preprocessing
from inference_app.train.split import Split, split
from tests.conftest import encode, gradient

SMALL = Preprocessing(8, (8, 8), "bilinear", (0.0,) * 3, (1.0,) * 3)


def draw(folder: Path, count: int, first: int = 10) -> Path:
    """Write pictures of two classes that differ in size, and so in content."""
    for edge, name in ((0, "cat"), (200, "dog")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for each in range(first, first + count):
            (folder / name / f"{each}.png").write_bytes(encode(gradient(edge + each, 10)))
    return folder


def read(folder: Path) -> tuple[Split, list[str]]:
    said: list[str] = []
    return split(folder, (), SMALL, said.append), said


def digests(found: Split) -> tuple[set[str], set[str]]:
    training, validation = (
        {sha256(each.file) for each in side} for side in (found.training, found.validation)
    )
    return training, validation


def test_about_a_fifth_is_held_out(tmp_path: Path) -> None:
    found, _ = read(draw(tmp_path, 100))
    assert len(found.training) + len(found.validation) == 200
    assert 20 <= len(found.validation) <= 60
    assert {label.class_id for label in found.labels} == {"cat", "dog"}


def test_a_picture_stays_on_its_side_when_others_are_added_or_all_are_renamed(
    tmp_path: Path,
) -> None:
    training, validation = digests(read(draw(tmp_path, 40))[0])
    digest = read(tmp_path)[0].digest
    for file in list(tmp_path.rglob("*.png")):
        file.rename(file.with_stem(f"{hash(file) % 1000}-{file.stem}"))
    assert digests(read(tmp_path)[0]) == (training, validation)
    assert read(tmp_path)[0].digest == digest
    draw(tmp_path, 40, first=60)
    more = digests(read(tmp_path)[0])
    assert training < more[0]
    assert validation < more[1]
    assert read(tmp_path)[0].digest != digest


def test_folders_of_a_split_are_taken_as_they_are(tmp_path: Path) -> None:
    draw(tmp_path / "train", 6)
    draw(tmp_path / "val", 3, first=50)
    found, _ = read(tmp_path)
    assert {each.file.parts[-3] for each in found.training} == {"train"}
    assert {each.file.parts[-3] for each in found.validation} == {"val"}
    assert (len(found.training), len(found.validation)) == (12, 6)


def test_train_and_val_may_be_classes(tmp_path: Path) -> None:
    draw(tmp_path, 40)
    (tmp_path / "cat").rename(tmp_path / "train")
    (tmp_path / "dog").rename(tmp_path / "val")
    assert [each.class_id for each in read(tmp_path)[0].labels] == ["train", "val"]


def test_what_is_in_val_is_not_trained_on(tmp_path: Path) -> None:
    draw(tmp_path / "train", 6)
    draw(tmp_path / "val", 2)
    found, said = read(tmp_path)
    assert len(found.training) == 8
    assert "left out of train: 4 pictures that are in val too" in said
    assert not set.intersection(*digests(found))


def test_pictures_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    draw(tmp_path, 40)
    broken, missing = tmp_path / "cat" / "broken.jpg", tmp_path / "dog" / "missing.png"
    broken.write_bytes(b"\xff\xd8\xff")
    missing.symlink_to("nowhere")
    found, said = read(tmp_path)
    assert found.unreadable == (broken, missing)
    assert len(found.training) + len(found.validation) == 80
    assert any(line.startswith(f"left out: {broken}: The picture is damaged") for line in said)
    assert f"left out: {missing}: No such file or directory" in said


def test_classes_of_which_nothing_is_held_out_are_named(tmp_path: Path) -> None:
    draw(tmp_path, 40)
    for file in (tmp_path / "cat").iterdir():
        if is_held_out(sha256(file)):
            file.unlink()
    assert "no pictures are held out, so nothing is measured, of: cat" in read(tmp_path)[1]


@pytest.mark.parametrize(
    ("held", "message"),
    [(False, "no pictures are held out"), (True, "no pictures are left to train on of: cat, dog")],
)
def test_pictures_that_all_lie_on_one_side_are_refused(
    tmp_path: Path, held: bool, message: str
) -> None:
    draw(tmp_path, 60)
    for file in tmp_path.rglob("*.png"):
        if is_held_out(sha256(file)) != held:
            file.unlink()
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_a_class_that_is_only_in_val_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "train", 6)
    draw(tmp_path / "val", 6)
    (tmp_path / "val" / "owl").mkdir()
    with pytest.raises(DatasetError, match="no classes of this model: owl"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("gone", "message"),
    [("cat", "two or more folders, one for each class: it has dog"), ("*/*", "cat has 0, dog has")],
)
def test_too_few_classes_or_pictures_are_refused(tmp_path: Path, gone: str, message: str) -> None:
    draw(tmp_path, 6)
    for each in tmp_path.glob(gone):
        each.rename(tmp_path / f".{each.name}")
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)
