"""Archives that torch-model-archiver makes are read."""

import json
from pathlib import Path

import pytest
import torch
import torchvision

from inference_app.prepare.load import load
from inference_app.prepare.source import fetch
from tests.clients.environment import run_tool

CODE = """
from torchvision.models.densenet import DenseNet


class ImageClassifier(DenseNet):
    def __init__(self):
        super(ImageClassifier, self).__init__(32, (6, 12, 24, 16), 64, num_classes=3)
"""


@pytest.mark.parametrize("format_", ["default", "zip-store"])
def test_its_archive_is_read(tmp_path: Path, format_: str) -> None:
    network = torchvision.models.densenet121(num_classes=3).eval()
    torch.save(network.state_dict(), tmp_path / "pets.pth")
    (tmp_path / "model.py").write_text(CODE)
    (tmp_path / "index_to_name.json").write_text(json.dumps({"0": "cat", "1": "dog", "2": "fish"}))
    run_tool(
        "torch-model-archiver",
        *("--model-name", "pets", "--version", "1.0", "--handler", "image_classifier"),
        *(
            "--model-file",
            str(tmp_path / "model.py"),
            "--serialized-file",
            str(tmp_path / "pets.pth"),
        ),
        *("--extra-files", str(tmp_path / "index_to_name.json"), "--export-path", str(tmp_path)),
        *("--archive-format", format_),
    )
    original = load(fetch(str(tmp_path / "pets.mar"), None), None, None, print)
    assert [each["label"] for each in original.labels] == ["cat", "dog", "fish"]
