"""Folders of labelled pictures, and what is wrong with them."""

from pathlib import Path

import pytest

from inference_app.evaluate.dataset import (
    DatasetError,
    LabelledPicture,
    held_out,
    labelled_pictures,
)
from inference_app.model.prepared import Label

LABELS = (
    Label("n02123045", "tabby, tabby cat"),
    Label("n02012849", "crane"),
    Label("n03126707", "crane"),
)


def folder(tmp_path: Path, *files: str) -> Path:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize("name", ["n02123045", "tabby", "Tabby", "tabby_cat", "tabby, tabby cat"])
def test_a_class_is_named_by_its_id_or_a_name(tmp_path: Path, name: str) -> None:
    data = folder(tmp_path, f"{name}/a.jpg")
    assert labelled_pictures(data, LABELS) == [LabelledPicture(data / name / "a.jpg", 0)]


def test_an_id_tells_classes_of_one_name_apart(tmp_path: Path) -> None:
    data = folder(tmp_path, "n02012849/bird.jpg", "n03126707/machine.jpg")
    assert [each.class_index for each in labelled_pictures(data, LABELS)] == [1, 2]


def test_pictures_are_sorted_and_other_files_left_out(tmp_path: Path) -> None:
    data = folder(tmp_path, "tabby/b.PNG", "tabby/a.jpeg", "tabby/sub/c.webp", "tabby/notes.txt")
    names = [each.file.name for each in labelled_pictures(data, LABELS)]
    assert names == ["a.jpeg", "b.PNG", "c.webp"]


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no classes of this model: dog\. Name them by"):
        labelled_pictures(folder(tmp_path, "dog/a.jpg", "tabby/a.jpg"), LABELS)


@pytest.mark.parametrize("files", [(), ("tabby/notes.txt",), ("a.jpg",)])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, files: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match="it needs a folder for each class"):
        labelled_pictures(folder(tmp_path, *files), LABELS)


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        labelled_pictures(tmp_path / "missing", LABELS)


def test_a_picture_is_held_out_by_its_contents(tmp_path: Path) -> None:
    data = folder(tmp_path, *(f"tabby/{index}.jpg" for index in range(200)))
    for index, file in enumerate(sorted((data / "tabby").iterdir())):
        file.write_text(str(index))
    pictures = labelled_pictures(data, LABELS)
    found = held_out(pictures)
    assert 20 <= len(found) <= 60
    texts = {each.file.read_text() for each in found}
    found[0].file.rename(data / "tabby" / "renamed.jpg")
    assert {each.file.read_text() for each in held_out(labelled_pictures(data, LABELS))} == texts
    assert len(held_out(pictures)) == len(found) - 1  # what cannot be read is left out
