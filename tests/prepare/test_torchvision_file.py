"""Files of torchvision's networks: state dicts, whole pickles, and hostile ones."""

import collections
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from inference_app.errors import PrepareError
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.torchvision_file import load

NETWORKS = {"resnet50": torchvision.models.resnet50, "densenet121": torchvision.models.densenet121}


def network(name: str, classes: int = 1000) -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = NETWORKS[name](num_classes=classes)
    return made.eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("whole", [False, True])
def test_its_own_files_are_read(name: str, whole: bool, tmp_path: Path) -> None:
    theirs = network(name)
    file = tmp_path / "model.pkl"
    torch.save(theirs if whole else theirs.state_dict(), file)
    original = load(file, None)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(original.network(pixels), theirs(pixels))
    assert original.labels[281] == {"class_id": "n02123045", "label": "tabby, tabby cat"}
    assert original.answer(dead_leaves((300, 260), 0)).logits.shape == (1000,)


def test_names_from_before_2018_are_read(tmp_path: Path) -> None:
    state = network("densenet121").state_dict()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor
        for name, tensor in state.items()
        if "num_batches_tracked" not in name
    }
    torch.save(old, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    load(tmp_path / "old.pth", None)


def test_other_classes_want_names(tmp_path: Path) -> None:
    torch.save(network("resnet50", 3).state_dict(), tmp_path / "pets.pth")
    with pytest.raises(PrepareError, match="has 3 classes: name them, in order, with --labels"):
        load(tmp_path / "pets.pth", None)


@pytest.mark.parametrize(
    "labels",
    ["cat\ndog\nfish", '["cat", "dog", "fish"]', '{"0": "cat", "1": "dog", "2": "fish"}'],
)
def test_labels_in_any_form(tmp_path: Path, labels: str) -> None:
    torch.save(network("resnet50", 3).state_dict(), tmp_path / "pets.pth")
    (tmp_path / "labels").write_text(labels)
    names = load(tmp_path / "pets.pth", tmp_path / "labels").labels
    assert [each["label"] for each in names] == ["cat", "dog", "fish"]


class Runs:
    """A pickle of it runs a command where it is loaded by a plain unpickler."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def in_a_state_dict(payload: Runs, file: Path) -> None:
    torch.save({"fc.weight": payload}, file)


def in_an_old_file(payload: Runs, file: Path) -> None:
    torch.save({"fc.weight": payload}, file, _use_new_zipfile_serialization=False)


def as_a_pickle(payload: Runs, file: Path) -> None:
    file.write_bytes(pickle.dumps(payload))


def as_a_forward(payload: Runs, file: Path) -> None:
    made = network("resnet50", 3)
    made.__dict__["forward"] = payload
    torch.save(made, file)


@pytest.mark.parametrize("hide", [in_a_state_dict, in_an_old_file, as_a_pickle, as_a_forward])
def test_nothing_out_of_a_pickle_is_run(hide: Any, tmp_path: Path) -> None:
    hide(Runs(f"touch {tmp_path}/ran"), tmp_path / "model.pkl")
    with pytest.raises(PrepareError, match="a pickle may run code") as refused:
        load(tmp_path / "model.pkl", None)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_what_a_network_brings_is_not_called(tmp_path: Path) -> None:
    """Its own forward and hooks stay behind: only tensors are taken from it."""
    made = network("resnet50", 1000)
    made.__dict__["forward"] = collections.OrderedDict
    made._forward_hooks[0] = set
    torch.save(made, tmp_path / "model.pkl")
    original = load(tmp_path / "model.pkl", None)
    assert "forward" not in vars(original.network)
    assert not original.network._forward_hooks


def holds_itself() -> Any:
    made = torch.nn.Sequential()
    made._modules["0"] = made
    return made


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"fc.weight": torch.zeros(1000, 2048)}, "is not resnet50: "),
        ({"classifier.weight": torch.zeros(())}, "is not densenet121: "),
        ({"other.weight": torch.zeros(3)}, "neither of the networks that are known"),
        ([1, 2], "neither of the networks that are known"),
        (torch.nn.Sequential(torch.nn.Linear(2, 2)), "neither of the networks that are known"),
        (torch.nn.Sequential(torch.nn.Dropout()), "names torch.nn.modules.dropout.Dropout"),
        (holds_itself(), "holds itself"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_other_networks_are_refused(held: Any, why: str, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "model.pth")
    with pytest.raises(PrepareError, match=why) as refused:
        load(tmp_path / "model.pth", None)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04", b"\x80\x02."])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(PrepareError, match=r"model\.pth"):
        load(tmp_path / "model.pth", None)


def test_labels_that_name_no_class(tmp_path: Path) -> None:
    torch.save(network("resnet50", 3).state_dict(), tmp_path / "pets.pth")
    (tmp_path / "labels").write_text(json.dumps({"1": "dog"}))
    with pytest.raises(PrepareError, match="does not name the classes"):
        load(tmp_path / "pets.pth", tmp_path / "labels")
