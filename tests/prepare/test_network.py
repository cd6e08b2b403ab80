"""The network, written as OpenVINO IR."""

from dataclasses import replace
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
from inference_app.prepare.huggingface import Logits
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
    model = transformers.AutoModelForImageClassification.from_pretrained(tiny).eval()
    return Logits(model)


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
        theirs = model(levels.permute(0, 3, 1, 2)).numpy()
    ours = openvino.Core().compile_model(written, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(ours([pixels])[0], theirs, atol=1e-4)


def test_half_the_bytes_unless_fp32(model: Any, tmp_path: Path) -> None:
    sizes = {}
    for precision in ("auto", "bf16", "fp32"):
        network.write(model, PREPROCESSING, tmp_path / f"{precision}.xml", precision)
        sizes[precision] = (tmp_path / f"{precision}.bin").stat().st_size
    assert sizes["auto"] == sizes["bf16"] < 0.6 * sizes["fp32"]


class Pooled(torch.nn.Module):
    """A network whose pool has a window larger than the picture, as EfficientNet's."""

    def __init__(self, pool: torch.nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return (N, 3)."""
        pooled: torch.Tensor = self.pool(pixel_values)
        return pooled.flatten(1)


@pytest.mark.parametrize("pool", [torch.nn.AvgPool2d, torch.nn.MaxPool2d])
def test_a_pool_may_be_larger_than_the_picture(tmp_path: Path, pool: Any) -> None:
    pooled = Pooled(pool(100, ceil_mode=True))
    assert_converted(pooled, PREPROCESSING, tmp_path)
    assert isinstance(pooled.pool, pool)


class Resampled(torch.nn.Module):
    """A network with an operation on constants that OpenVINO lacks, as DINOv2 with registers."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = torch.nn.Parameter(torch.randn(1, 3, 40, 40))

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return (N, 3)."""
        smaller = torch.nn.functional.interpolate(
            self.positions, (32, 32), mode="bicubic", antialias=True
        )
        return (pixel_values * smaller).sum((2, 3))


def test_operations_on_constants_are_done_before(tmp_path: Path) -> None:
    assert_converted(Resampled(), PREPROCESSING, tmp_path)


def test_channels_are_put_into_the_networks_order(tmp_path: Path) -> None:
    flipped = replace(PREPROCESSING, channels="BGR")
    assert_converted(Pooled(torch.nn.AdaptiveAvgPool2d(1)), flipped, tmp_path)


def assert_converted(module: torch.nn.Module, numbers: Preprocessing, folder: Path) -> None:
    network.write(module, numbers, folder / "model.xml", "fp32")
    pixels = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    levels = ((pixels - np.array(numbers.mean)) / numbers.std).transpose(0, 3, 1, 2)
    in_order = np.ascontiguousarray(levels[:, ::-1] if numbers.channels == "BGR" else levels)
    with torch.no_grad():
        theirs = module(torch.from_numpy(in_order.astype(np.float32))).numpy()
    ours = openvino.Core().compile_model(
        folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    np.testing.assert_allclose(ours([pixels])[0], theirs, rtol=1e-4, atol=1e-4)


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
