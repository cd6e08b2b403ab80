"""Class ids and names out of a config."""

from types import SimpleNamespace

import pytest

from inference_app.errors import PrepareError
from inference_app.prepare.labels import labels_of


def config(classes: int, **more: object) -> SimpleNamespace:
    names = {index: f"name {index}" for index in range(classes)}
    return SimpleNamespace(**{"num_labels": classes, "id2label": names, **more})


@pytest.mark.parametrize(
    ("index", "class_id"), [(0, "n01440764"), (281, "n02123045"), (999, "n15075141")]
)
def test_a_thousand_classes_are_imagenets(index: int, class_id: str) -> None:
    labels = labels_of(config(1000))
    assert len(labels) == 1000
    assert labels[index] == {"class_id": class_id, "label": f"name {index}"}


def test_wordnet_ids_come_from_the_config() -> None:
    ids = ["n02123045", "n02124075"]
    assert [label["class_id"] for label in labels_of(config(2, wordnet_ids=ids))] == ids


def test_the_configs_ids_go_before_imagenets() -> None:
    ids = [f"n{index:08}" for index in range(1000)]
    assert labels_of(config(1000, wordnet_ids=ids))[281]["class_id"] == "n00000281"


@pytest.mark.parametrize("classes", [2, 999, 1001])
def test_other_classes_are_called_by_their_index(classes: int) -> None:
    labels = labels_of(config(classes))
    assert [label["class_id"] for label in labels] == [str(index) for index in range(classes)]


def test_labels_are_in_the_order_of_their_index() -> None:
    names = {2: "two", 0: "zero", 1: "one"}
    labels = labels_of(config(3, id2label=names))
    assert [label["label"] for label in labels] == ["zero", "one", "two"]


def test_a_name_that_is_no_text_becomes_text() -> None:
    assert labels_of(config(1, id2label={0: 7})) == [{"class_id": "0", "label": "7"}]


def test_a_gap_among_the_classes_is_refused() -> None:
    with pytest.raises(PrepareError, match="id2label"):
        labels_of(config(2, id2label={0: "zero", 2: "two"}))


def test_too_few_wordnet_ids_are_refused() -> None:
    with pytest.raises(PrepareError, match="1 wordnet_ids for 2 classes"):
        labels_of(config(2, wordnet_ids=["n02123045"]))


def test_no_names_at_all_are_refused() -> None:
    with pytest.raises(PrepareError, match="id2label"):
        labels_of(config(2, id2label=None))
