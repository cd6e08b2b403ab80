"""A prepared model answers as the original does through transformers in fp32."""

import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.model import image, prepared
from inference_app.model.engine import Engine
from inference_app.prepare import prepare_model
from tests.conftest import SAMPLES, SHARED
from tests.prepare.conftest import MEAN, STD

BUNDLED_SOURCE = SHARED / "bundled_model"
VALIDATION = SHARED / "data" / "tiny-imagenet-val.tar.gz"


@pytest.mark.parametrize("model", ["resnet50", "densenet121"])
def test_logits_in_fp32(
    model: str, photos: list[Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(model)
    prepare_model(str(source), tmp_path / "model", None, "fp32", model, print)
    served = prepared.read(tmp_path / "model")
    assert served.labels[281].class_id == "n02123045"
    pixels = np.stack([picture_of(photo, served) for photo in [*photos[:7], *photos[:1]]])
    pixels[-1] = pixels[0, :, ::-1]  # at the least two pictures, even with one photo

    engine = Engine(served, threads=2)
    ours = np.stack([engine.infer(picture[np.newaxis])[0] for picture in pixels])
    theirs = logits_of(load(source), (pixels / 255 - MEAN) / STD)
    assert ours.shape == (len(pixels), 1000)
    assert distance(theirs[1:], theirs[:-1]).min() > 0.05  # random, but they tell pictures apart
    print(f"{model}: relative error of the logits {distance(ours, theirs).max():.1e}")
    assert distance(ours, theirs).max() < 1e-3


def picture_of(photo: Path, model: prepared.PreparedModel) -> NDArray[np.uint8]:
    return image.decode(photo.read_bytes(), model.preprocessing, Settings())


def load(source: Path) -> Any:
    model = transformers.AutoModelForImageClassification
    return model.from_pretrained(source, dtype="float32").eval()


def logits_of(model: Any, pixels: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return logits of normalised pixels (N, H, W, 3)."""
    inputs = torch.from_numpy(pixels).float().permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(pixel_values=inputs).logits.numpy()
        return logits


def distance(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ||ours - theirs|| / ||theirs|| of each row."""
    norms = [np.linalg.norm(each, axis=1) for each in (ours - theirs, theirs)]
    return np.asarray(norms[0] / norms[1])


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Return the shared validation pictures, or without them the project's samples."""
    if not (VALIDATION.exists() and BUNDLED_SOURCE.exists()):
        return [path.read_bytes() for path in SAMPLES.iterdir() if path.suffix != ".py"]
    with tarfile.open(VALIDATION) as archive:
        members = [archive.extractfile(each) for each in archive if each.name.endswith(".JPEG")]
        return [member.read() for member in members if member is not None]


@pytest.fixture(scope="module")
def in_bf16(tmp_path_factory: pytest.TempPathFactory) -> prepared.PreparedModel:
    """Prepare the bundled model for bf16; without its source, make the prepared one use it."""
    folder = tmp_path_factory.mktemp("bundled") / "bf16"
    if BUNDLED_SOURCE.exists():
        prepare_model(str(BUNDLED_SOURCE), folder, None, "bf16", "bundled", print)
        return prepared.read(folder)
    return with_precision(prepared.read(BUNDLED_MODEL), "bf16")


def with_precision(model: prepared.PreparedModel, precision: str) -> prepared.PreparedModel:
    return replace(model, precision=precision)


def test_bf16_names_the_same_classes(
    pictures: list[bytes], in_bf16: prepared.PreparedModel
) -> None:
    reference = _by_transformers if BUNDLED_SOURCE.exists() else _by_openvino_in_fp32
    ours, theirs = _by_engine(in_bf16, pictures), reference(pictures)
    same = [one == other for one, other in zip(ours, theirs, strict=True)]
    print(f"bf16 names the same class for {np.mean(same):.2%} of {len(same)} pictures")
    assert len(set(theirs)) > 3
    assert np.mean(same) >= 0.98


def _by_engine(model: prepared.PreparedModel, pictures: list[bytes]) -> list[int]:
    engine, settings = Engine(model, threads=2), Settings()
    pixels = (image.decode(picture, model.preprocessing, settings) for picture in pictures)
    return [int(engine.infer(each[np.newaxis]).argmax()) for each in pixels]


def _by_openvino_in_fp32(pictures: list[bytes]) -> list[int]:
    return _by_engine(with_precision(prepared.read(BUNDLED_MODEL), "fp32"), pictures)


def _by_transformers(pictures: list[bytes]) -> list[int]:
    """Return class indices through the source's own image processor and torch."""
    processor = transformers.AutoImageProcessor.from_pretrained(BUNDLED_SOURCE)
    model, classes = load(BUNDLED_SOURCE), []
    for start in range(0, len(pictures), 100):
        batch = [Image.open(BytesIO(each)).convert("RGB") for each in pictures[start : start + 100]]
        pixels = processor(batch, return_tensors="pt")["pixel_values"].permute(0, 2, 3, 1)
        classes += logits_of(model, pixels.numpy()).argmax(axis=1).tolist()
    return classes
