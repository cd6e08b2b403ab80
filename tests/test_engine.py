"""The engine, with the bundled network."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app import prepared
from inference_app.config import BUNDLED_MODEL
from inference_app.engine import Engine, _options
from inference_app.errors import PreparedModelError
from inference_app.prepared import PreparedModel
from inference_app.timing import Timing


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
def engine(model: PreparedModel) -> Engine:
    return Engine(model, threads=2)


@pytest.fixture(scope="module")
def pictures(model: PreparedModel) -> list[NDArray[np.uint8]]:
    """Make pictures of noise, which differ."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*model.preprocessing.crop, 3), np.uint8) for _ in range(8)]


def test_logits_are_one_number_a_class(
    engine: Engine, model: PreparedModel, pictures: list[NDArray[np.uint8]]
) -> None:
    logits = engine.infer(pictures[0], Timing())
    assert logits.shape == (len(model.labels),)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_different_pictures_have_different_logits(
    engine: Engine, pictures: list[NDArray[np.uint8]]
) -> None:
    assert not np.array_equal(
        engine.infer(pictures[0], Timing()), engine.infer(pictures[1], Timing())
    )


def test_an_answer_stays_when_the_next_is_computed(
    engine: Engine, pictures: list[NDArray[np.uint8]]
) -> None:
    first = engine.infer(pictures[0], Timing())
    before = first.copy()
    engine.infer(pictures[1], Timing())
    np.testing.assert_array_equal(first, before)


def test_threads_get_the_answer_to_their_own_picture(
    engine: Engine, pictures: list[NDArray[np.uint8]]
) -> None:
    expected = [engine.infer(each, Timing()) for each in pictures]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: engine.infer(each, Timing()), pictures * 8))
    for answer, wanted in zip(answers, expected * 8, strict=True):
        np.testing.assert_array_equal(answer, wanted)


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
        Engine(model, threads=1)
