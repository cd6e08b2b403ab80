"""OpenVINO's engine: what is its own."""

from pathlib import Path

import pytest

from inference_app.errors import PreparedModelError
from inference_app.model import prepared
from inference_app.model.engine.openvino import OpenVinoEngine, _options


class FakeCore:
    """An OpenVINO core whose CPU has just these capabilities."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = capabilities

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        """Answer the one question that is asked."""
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities


@pytest.mark.parametrize(
    ("precision", "capabilities", "hint"),
    [
        ("auto", ["FP32", "BF16"], "bf16"),
        ("auto", ["FP32"], "f32"),
        ("bf16", ["FP32"], "bf16"),
        ("fp32", ["FP32", "BF16"], "f32"),
        ("int8", ["FP32", "BF16"], "f32"),
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
