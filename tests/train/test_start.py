"""The network that training starts from, of several architectures."""

import json
from pathlib import Path

import pytest
import timm
import torch

from inference_app.errors import PrepareError
from inference_app.model.prepared import Label
from inference_app.prepare import huggingface
from inference_app.prepare.labels import labels_of
from inference_app.prepare.source import fetch
from inference_app.train.start import Start
from tests.prepare.architectures import ARCHITECTURES, save
from tests.prepare.conftest import save_tiny_resnet

LABELS = [Label("n02123045", "tabby, tabby cat"), Label("owl", "owl")]


def silent(_: str) -> None:
    """Say nothing."""


def save_timm(folder: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("test_resnet.r160_in1k", pretrained=False)
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("model_args", None)  # the Hub's own has none
    (folder / "config.json").write_text(json.dumps(config))


# Two classifiers, and timm's own format.
@pytest.mark.parametrize("name", ["deit", "timm"])
def test_an_architecture_is_given_new_classes_trained_and_loaded_again(
    name: str, tmp_path: Path
) -> None:
    if name == "timm":
        save_timm(tmp_path / "base")
    else:
        save(ARCHITECTURES[name], tmp_path / "base")
    start = Start.of(fetch(str(tmp_path / "base"), None))
    said: list[str] = []
    network = start.network(LABELS, False, said.append)
    assert "classifier" in said[0] or "fc" in said[0]
    pixels = torch.randn(2, 3, *start.preprocessing.crop)
    network.train()(pixel_values=pixels).logits.sum().backward()
    network.eval().save_pretrained(tmp_path / "new")
    processor = tmp_path / "base" / "preprocessor_config.json"
    if processor.exists():
        (tmp_path / "new" / processor.name).write_bytes(processor.read_bytes())
    again = huggingface.load(fetch(str(tmp_path / "new"), None))
    assert again.labels == [label._asdict() for label in LABELS]
    assert again.preprocessing == start.preprocessing
    with torch.no_grad():
        expected = network(pixel_values=pixels).logits
        assert torch.allclose(again.network(pixels), expected, atol=1e-5)


def test_weights_are_kept_where_they_fit(tmp_path: Path) -> None:
    start = Start.of(fetch(str(save_tiny_resnet(tmp_path, num_labels=2)), None))
    original = huggingface.load(start.source).network.state_dict()
    said: list[str] = []
    kept = start.network(LABELS, False, said.append).state_dict()
    assert said == []
    assert all(torch.equal(kept[name], original[f"model.{name}"]) for name in kept)
    scratch = start.network(LABELS, True, said.append).state_dict()
    assert not torch.equal(scratch["classifier.1.weight"], kept["classifier.1.weight"])


def test_the_classes_of_the_base_are_known_by_their_ids(tmp_path: Path) -> None:
    ids = {"wordnet_ids": ["n02123045", "n01443537"]}
    folder = save_tiny_resnet(tmp_path, id2label={0: "tabby", 1: "goldfish"}, num_labels=2, **ids)
    assert Start.of(fetch(str(folder), None)).labels[0] == Label("n02123045", "tabby")


def test_a_number_is_no_known_class(tmp_path: Path) -> None:
    start = Start.of(fetch(str(save_tiny_resnet(tmp_path)), None))
    assert labels_of(start.config)[0]["class_id"] == "0"
    assert start.labels == []


def test_a_damaged_model_is_one_line(tmp_path: Path) -> None:
    folder = save_tiny_resnet(tmp_path)
    (folder / "model.safetensors").write_bytes(b"nothing")
    start = Start.of(fetch(str(folder), None))
    with pytest.raises(PrepareError, match="cannot be loaded"):
        start.network(LABELS, False, silent)
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "unheard-of"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(PrepareError, match="cannot be loaded"):
        Start.of(fetch(str(folder), None))
