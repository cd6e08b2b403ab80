"""The network: written as OpenVINO IR, compared with the original."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
import torch
import transformers

from inference_app.errors import PrepareError
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare import network
from tests.prepare.conftest import MEAN, STD

PREPROCESSING = Preprocessing(
    resize=32,
    crop=(32, 32),
    interpolation="bilinear",
    mean=tuple(255 * mean for mean in MEAN),
    std=tuple(255 * std for std in STD),
)


@pytest.fixture
def model(tiny: Path) -> Any:
    return transformers.AutoModelForImageClassification.from_pretrained(tiny).eval()


@pytest.fixture
def written(model: Any, tmp_path: Path) -> Path:
    path = tmp_path / "model.xml"
    network.write(model, PREPROCESSING, path, "fp32")
    return path


def test_the_input_is_pictures_in_any_number(written: Path) -> None:
    (pictures,) = openvino.Core().read_model(written).inputs
    assert pictures.get_element_type() == openvino.Type.u8
    assert str(pictures.get_partial_shape()) == "[?,32,32,3]"


@pytest.mark.parametrize("pictures", [1, 2, 5])
def test_logits_are_the_models_own(model: Any, written: Path, pictures: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (pictures, 32, 32, 3), dtype=np.uint8)
    levels = (torch.from_numpy(pixels) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    with torch.inference_mode():
        theirs = model(pixel_values=levels.permute(0, 3, 1, 2)).logits.numpy()
    ours = openvino.Core().compile_model(written, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(ours([pixels])[0], theirs, atol=1e-4)


def test_half_the_bytes_unless_fp32(model: Any, tmp_path: Path) -> None:
    sizes = {}
    for precision in network.TOLERANCE:
        network.write(model, PREPROCESSING, tmp_path / f"{precision}.xml", precision)
        network.check(model, PREPROCESSING, tmp_path / f"{precision}.xml", precision)
        sizes[precision] = (tmp_path / f"{precision}.bin").stat().st_size
    assert sizes["auto"] == sizes["bf16"] < 0.6 * sizes["fp32"]


def test_another_networks_answers_are_refused(model: Any, written: Path) -> None:
    network.check(model, PREPROCESSING, written, "fp32")
    torch.nn.init.normal_(model.classifier[1].weight)
    with pytest.raises(PrepareError, match="does not agree with the original"):
        network.check(model, PREPROCESSING, written, "fp32")


def test_answers_that_are_no_numbers_are_refused(model: Any, tmp_path: Path) -> None:
    torch.nn.init.constant_(model.classifier[1].weight, float("nan"))
    path = tmp_path / "model.xml"
    network.write(model, PREPROCESSING, path, "fp32")
    with pytest.raises(PrepareError, match="relative error nan"):
        network.check(model, PREPROCESSING, path, "fp32")


def test_a_damaged_network_is_refused(model: Any, written: Path) -> None:
    written.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(PrepareError, match="does not run"):
        network.check(model, PREPROCESSING, written, "fp32")


class Undecided(torch.nn.Module):
    """What it computes depends on the pixels, so no fixed graph can hold it."""

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return the pixels, or their negatives."""
        return pixel_values if pixel_values.sum() > 0 else -pixel_values


def test_what_no_graph_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="the network cannot be converted: ") as refusal:
        network.write(Undecided(), PREPROCESSING, tmp_path / "model.xml", "fp32")
    assert "\n" not in str(refusal.value)


def test_a_full_disk_is_named(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(PrepareError, match=rf"the disk of {tmp_path} has \d+ MB left"):
        network.write(model, PREPROCESSING, tmp_path / "scratch" / "new" / "model.xml", "fp32")
