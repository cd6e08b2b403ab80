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
from inference_app.errors import PrepareError
from inference_app.model import image, prepared
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.prepare import huggingface, network, parity, prepare_model
from inference_app.prepare.original import Original
from inference_app.prepare.preparation import Preparation
from inference_app.prepare.source import fetch
from tests.conftest import SAMPLES, SHARED
from tests.prepare.conftest import MEAN, STD, save_tiny_resnet

BUNDLED_SOURCE = SHARED / "bundled_model"
VALIDATION = SHARED / "data" / "tiny-imagenet-val.tar.gz"


@pytest.mark.parametrize("model", ["resnet50", "densenet121"])
def test_logits_in_fp32(
    model: str, photos: list[Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(model)
    prepare_model(Preparation(str(source), model, precision="fp32"), tmp_path / "model", print)
    served = prepared.read(tmp_path / "model")
    assert served.labels[281].class_id == "n02123045"
    pixels = np.stack([picture_of(photo, served) for photo in [*photos[:7], *photos[:1]]])
    pixels[-1] = pixels[0, :, ::-1]  # at the least two pictures, even with one photo

    engine = OpenVinoEngine(served, threads=2)
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
        prepare_model(Preparation(str(BUNDLED_SOURCE), "bundled", precision="bf16"), folder, print)
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
    engine, settings = OpenVinoEngine(model, threads=2), Settings()
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


@pytest.fixture
def original(tiny: Path) -> Original:
    return huggingface.load(fetch(str(tiny), None))


@pytest.fixture
def written(original: Original, tmp_path: Path) -> Path:
    path = tmp_path / "model.xml"
    network.write(original.network, original.preprocessing, path, "fp32")
    return path


def test_what_was_found_is_in_the_manifest(prepared_tiny: Path) -> None:
    found = prepared.read(prepared_tiny).manifest["parity"]
    assert found["pictures"] == found["classes_agreed"] == 16
    assert found["max_score_difference"] < 0.01
    assert found["max_logits_error"] < 1e-4


def head_of(original: Original) -> torch.nn.Parameter:
    return next(each for name, each in original.network.named_parameters() if "classifier" in name)


def wrong_crop(original: Original) -> Original:
    return replace(original, preprocessing=replace(original.preprocessing, resize=64))


def wrong_labels(original: Original) -> Original:
    return replace(original, labels=original.labels[::-1])


def wrong_activation(original: Original) -> Original:
    return replace(original, activation="sigmoid")


def other_weights(original: Original) -> Original:
    torch.nn.init.normal_(head_of(original))
    return original


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (wrong_crop, "does not agree with the original: the same class for"),
        (wrong_labels, "and its softmax is"),
        (wrong_activation, "and its sigmoid is"),
        (other_weights, "logits of the same pixels within"),
    ],
)
def test_other_answers_are_refused(original: Original, written: Path, wrong: Any, why: str) -> None:
    parity.check(original, network.read(written), "fp32", None)
    with pytest.raises(PrepareError, match=why):
        parity.check(wrong(original), network.read(written), "fp32", None)


def test_answers_that_are_no_numbers_are_refused(original: Original, tmp_path: Path) -> None:
    torch.nn.init.constant_(head_of(original), float("nan"))
    network.write(original.network, original.preprocessing, tmp_path / "model.xml", "fp32")
    with pytest.raises(PrepareError, match="nan"):
        parity.check(original, network.read(tmp_path / "model.xml"), "fp32", None)


def test_a_damaged_network_is_refused(original: Original, written: Path) -> None:
    written.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(PrepareError, match="does not run"):
        parity.check(original, network.read(written), "fp32", None)


@pytest.mark.parametrize(
    ("config", "activation"),
    [
        ({}, "softmax"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"num_labels": 1}, "sigmoid"),
        ({"num_labels": 1, "problem_type": "regression"}, "none"),
        ({"problem_type": "regression"}, "none"),
    ],
    ids=str,
)
def test_the_activation_is_the_pipelines(
    config: dict[str, Any], activation: str, tmp_path: Path
) -> None:
    save_tiny_resnet(tmp_path / "source", **config)
    asked = Preparation(str(tmp_path / "source"), "tiny", precision="fp32")
    prepare_model(asked, tmp_path / "model", print)
    assert prepared.read(tmp_path / "model").activation == activation


def test_pictures_of_the_users(tiny: Path, tmp_path: Path) -> None:
    asked = Preparation(str(tiny), "tiny", precision="fp32", pictures=SAMPLES)
    prepare_model(asked, tmp_path / "model", print)
    samples = [path for path in SAMPLES.iterdir() if path.suffix in (".jpg", ".png", ".webp")]
    assert prepared.read(tmp_path / "model").manifest["parity"]["pictures"] == len(samples)


@pytest.mark.parametrize("name", ["empty", "nothing"])
def test_a_folder_without_pictures(tiny: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    asked = Preparation(str(tiny), "tiny", pictures=tmp_path / name)
    with pytest.raises(PrepareError, match=f"{name} holds no pictures"):
        prepare_model(asked, tmp_path / "model", print)
