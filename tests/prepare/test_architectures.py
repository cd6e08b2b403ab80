"""Models of many architectures answer prepared as they do through transformers' pipeline."""

from pathlib import Path

import pytest
import transformers

from inference_app.model import prepared
from inference_app.prepare import prepare_model
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.preparation import Preparation
from inference_app.prepare.processor import preprocessing_of
from tests.prepare.architectures import ARCHITECTURES, Architecture, save


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_answers_are_the_pipelines(architecture: Architecture, tmp_path: Path) -> None:
    source, pictures = save(architecture, tmp_path / "source"), tmp_path / "pictures"
    draw(source, pictures)
    asked = Preparation(str(source), "model", precision="fp32", pictures=pictures)
    prepare_model(asked, tmp_path / "model", print)
    found = prepared.read(tmp_path / "model").manifest["parity"]
    print(found)
    assert found["classes_agreed"] == found["pictures"] == 8
    assert found["max_score_difference"] < 1e-3


def draw(source: Path, folder: Path) -> None:
    """Draw pictures that the processor need not resize.

    That rounds pixels, to which random networks are more sensitive than trained ones; resized
    pixels are compared in test_processor.py.
    """
    processor = transformers.AutoImageProcessor.from_pretrained(source)
    resize = preprocessing_of(processor).resize
    height, width = (resize, resize) if isinstance(resize, int) else resize
    folder.mkdir()
    for seed in range(8):
        dead_leaves((width, height), seed).save(folder / f"{seed}.png")


def test_the_networks_tell_pictures_apart(tmp_path: Path) -> None:
    source = save(ARCHITECTURES["resnet"], tmp_path)
    classify = transformers.pipeline("image-classification", str(source), device="cpu")
    pictures = [dead_leaves((500, 375), seed) for seed in range(16)]
    assert len({classify(each)[0]["label"] for each in pictures}) >= 4
