"""The engine, with the bundled network."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.config import BUNDLED_MODEL
from inference_app.errors import PreparedModelError
from inference_app.model import prepared
from inference_app.model.engine.openvino import OpenVinoEngine, _options
from inference_app.model.prepared import PreparedModel

Pixels = NDArray[np.uint8]


class FakeCore:
    """An OpenVINO core whose CPU has just these capabilities."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = capabilities

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        """Answer the one question that is asked."""
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities


@pytest.fixture(scope="module")
def model() -> PreparedModel:
    return prepared.read(BUNDLED_MODEL)


@pytest.fixture(scope="module")
def engine(model: PreparedModel) -> OpenVinoEngine:
    return OpenVinoEngine(model, threads=2)


@pytest.fixture(scope="module")
def pictures(model: PreparedModel) -> Pixels:
    """Make as many pictures of noise, which differ, as one batch takes."""
    shape = (max(OpenVinoEngine.batch_sizes), *model.preprocessing.crop, 3)
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("count", OpenVinoEngine.batch_sizes)
def test_logits_are_a_number_for_each_class_of_each_picture(
    engine: OpenVinoEngine, model: PreparedModel, pictures: Pixels, count: int
) -> None:
    logits = engine.infer(pictures[:count])
    assert logits.shape == (count, len(model.labels))
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_each_picture_has_its_own_logits_whatever_its_batch(
    engine: OpenVinoEngine, pictures: Pixels
) -> None:
    alone = np.concatenate([engine.infer(pictures[at : at + 1]) for at in range(len(pictures))])
    together = engine.infer(pictures)
    assert np.linalg.norm(alone[0] - alone[1]) > 1
    # bf16 adds up in another order for another batch size
    np.testing.assert_allclose(together, alone, atol=0.2)
    assert list(together.argmax(axis=1)) == list(alone.argmax(axis=1))


def test_an_answer_stays_when_the_next_is_computed(
    engine: OpenVinoEngine, pictures: Pixels
) -> None:
    first = engine.infer(pictures[:1])
    before = first.copy()
    engine.infer(pictures[1:2])
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize(
    ("precision", "capabilities", "hint"),
    [
        ("auto", ["FP32", "BF16"], "bf16"),
        ("auto", ["FP32"], "f32"),
        ("bf16", ["FP32"], "bf16"),
        ("fp32", ["FP32", "BF16"], "f32"),
    ],
)
def test_auto_is_bf16_where_the_cpu_has_it(
    precision: str, capabilities: list[str], hint: str
) -> None:
    options = _options(FakeCore(*capabilities), precision, 3)
    assert options["INFERENCE_PRECISION_HINT"] == hint


def test_workers_share_the_cores() -> None:
    options = _options(FakeCore("FP32"), "fp32", 3)
    assert options["INFERENCE_NUM_THREADS"] == 3
    assert options["NUM_STREAMS"] == 1
    assert options["ENABLE_CPU_PINNING"] is False


@pytest.mark.parametrize("text", ["", "no network", "<net/>"])
def test_a_network_that_cannot_be_read_is_refused(model_folder: Path, text: str) -> None:
    model = prepared.read(model_folder)
    (model_folder / "model.xml").write_text(text)
    with pytest.raises(PreparedModelError, match="cannot be compiled"):
        OpenVinoEngine(model, threads=1)
