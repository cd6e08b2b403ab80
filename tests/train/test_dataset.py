"""The classes and pictures that a head is fitted to, and which of them are held out."""

from pathlib import Path

import numpy as np
import pytest

from inference_app.evaluate.dataset import DatasetError, LabelledPicture
from inference_app.evaluate.run import Run
from inference_app.model.prepared import Label
from inference_app.train.dataset import Samples, labelled_folders

TABBY = Label("n02123045", "tabby, tabby cat")
LABELS = [Label("cat", "cat"), Label("dog", "dog")]


def folder(tmp_path: Path, **counts: int) -> Path:
    for name, count in counts.items():
        (tmp_path / name).mkdir(parents=True)
        for index in range(count):
            (tmp_path / name / f"{index}.jpg").write_text(f"{name} {index}")
    return tmp_path


def samples(data: Path, skipped: tuple[Path, ...] = ()) -> Samples:
    """Return samples whose one feature is the number in the file's name."""
    _, pictures = labelled_folders(data, ())
    read = [each for each in pictures if each.file not in skipped]
    features = np.array([[float(each.file.stem.split("-")[-1])] for each in read], np.float32)
    actual = np.array([each.class_index for each in read])
    return Samples.of(Run(features, actual, skipped, 1.0), pictures, LABELS)


def held_out(data: Path) -> list[float]:
    found = samples(data)
    return sorted(found.features[found.held_out(), 0])


def test_a_folder_names_its_class(tmp_path: Path) -> None:
    labels, pictures = labelled_folders(folder(tmp_path, cat=5, dog=6), [TABBY])
    assert labels == LABELS
    assert [each.class_index for each in pictures] == 5 * [0] + 6 * [1]
    assert pictures[0] == LabelledPicture(tmp_path / "cat" / "0.jpg", 0)


@pytest.mark.parametrize("name", ["n02123045", "tabby, tabby cat", "Tabby,_tabby_cat"])
def test_a_class_of_the_base_model_keeps_its_id_and_label(tmp_path: Path, name: str) -> None:
    labels, _ = labelled_folders(folder(tmp_path, **{name: 5, "dog": 5}), [TABBY])
    assert TABBY in labels


def test_part_of_a_label_is_another_class(tmp_path: Path) -> None:
    labels, _ = labelled_folders(folder(tmp_path, tabby=5, dog=5), [TABBY])
    assert labels[1] == Label("tabby", "tabby")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "two or more folders, one for each class: it has none"),
        ({"cat": 9}, "two or more folders, one for each class: it has cat"),
        ({"cat": 9, ".cache": 9}, "it has cat$"),
        ({"n02123045": 9, "tabby, tabby cat": 9}, "one for each class"),
        ({"cat": 4, "dog": 5, "owl": 0}, "at least 5 pictures: cat has 4, owl has 0"),
    ],
)
def test_too_few_classes_or_pictures_are_refused(
    tmp_path: Path, counts: dict[str, int], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        labelled_folders(folder(tmp_path, **counts), [TABBY])


def test_a_class_with_too_few_readable_pictures_is_refused(tmp_path: Path) -> None:
    data = folder(tmp_path, cat=5, dog=5)
    with pytest.raises(DatasetError, match="cat has 4"):
        samples(data, (data / "cat" / "0.jpg",))


def test_a_fifth_of_each_class_is_held_out(tmp_path: Path) -> None:
    found = samples(folder(tmp_path, cat=20, dog=5))
    assert np.bincount(found.actual[found.held_out()]).tolist() == [4, 1]


def test_the_same_pictures_are_held_out_whatever_they_are_called(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", cat=20, dog=20)
    before, digest = held_out(data), samples(data).digest
    for file in list(data.rglob("*.jpg")):
        file.rename(file.with_stem(f"{hash(file) % 1000}-{file.stem}"))
    assert held_out(data) == before
    assert samples(data).digest == digest


def test_copies_of_a_picture_count_once(tmp_path: Path) -> None:
    data = folder(tmp_path, cat=20, dog=20)
    before = samples(data)
    for index in range(20):
        (data / "cat" / f"copy-{index}.jpg").write_text(f"cat {index}")
    assert len(samples(data).actual) == 40
    assert samples(data).digest == before.digest


def test_the_digest_is_of_the_contents_and_the_classes(tmp_path: Path) -> None:
    data = folder(tmp_path, cat=6, dog=5)
    before = samples(data).digest
    (data / "cat" / "5.jpg").rename(data / "dog" / "5.jpg")
    assert samples(data).digest != before
