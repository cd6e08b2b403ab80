"""The classifier of a network is found, taken off and replaced."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference_app.errors import UserError
from inference_app.model.runtime import openvino
from inference_app.prepare import huggingface
from inference_app.prepare import network as prepare_network
from inference_app.prepare.source import fetch
from inference_app.train.network import opset, save, with_classifier, without_classifier
from tests.prepare.architectures import ARCHITECTURES, CLASSES
from tests.prepare.architectures import save as save_architecture

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 4)).astype(np.float32)
BIAS = RNG.normal(size=3).astype(np.float32)


def graph(parameter: Any, output: Any) -> openvino.Model:
    return openvino.Model([output], [parameter], "drawn")


def infer(network: openvino.Model, inputs: Any) -> Any:
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(network, "CPU", options)([inputs])[0]


def features() -> Any:
    return opset.parameter([-1, 4], np.float32)


def test_a_layer_with_weights_in_16_bits_is_taken_off() -> None:
    pooled = features()
    weights = opset.convert(opset.constant(WEIGHTS.astype(np.float16)), "f32")
    logits = opset.add(opset.matmul(opset.relu(pooled), weights, False, True), BIAS)
    body = without_classifier(graph(pooled, logits))
    inputs = RNG.normal(size=(2, 4)).astype(np.float32)
    assert infer(body, inputs) == pytest.approx(np.maximum(inputs, 0))


def test_a_convolution_over_one_pixel_is_a_layer_too() -> None:
    pooled = opset.parameter([-1, 4, 1, 1], np.float32)
    weights, around = WEIGHTS.reshape(3, 4, 1, 1), [0, 0]
    product = opset.convolution(pooled, weights, [1, 1], around, around, [1, 1])
    logits = opset.squeeze(opset.add(product, BIAS.reshape(1, 3, 1, 1)), [2, 3])
    network = graph(pooled, logits)
    inputs = RNG.normal(size=(2, 4, 1, 1)).astype(np.float32)
    expected = infer(network, inputs).copy()
    body = without_classifier(network)
    assert infer(body, inputs) == pytest.approx(inputs[:, :, 0, 0])
    assert infer(with_classifier(body, WEIGHTS, BIAS), inputs) == pytest.approx(expected, abs=1e-5)


def test_a_network_that_ends_otherwise_is_refused() -> None:
    pooled = features()
    product = opset.matmul(pooled, WEIGHTS, False, True)
    other = opset.matmul(opset.relu(pooled), WEIGHTS, False, True)
    wide = opset.parameter([-1, 2, 4], np.float32)
    refused = {
        "it ends in Relu": graph(pooled, opset.relu(product)),
        "it ends in Parameter": graph(pooled, pooled),
        "it adds up several": graph(pooled, opset.add(product, other)),
        "it ends in MatMul": graph(pooled, opset.matmul(pooled, pooled, False, True)),
        "its input is": graph(wide, opset.matmul(wide, WEIGHTS, False, True)),
    }
    for why, network in refused.items():
        with pytest.raises(UserError, match=f"no last fully connected layer to replace: {why}"):
            without_classifier(network)


def test_a_full_disk_is_an_error_with_its_space() -> None:
    pooled = features()
    with pytest.raises(UserError, match=r"cannot be written: its disk has \d+ MB left"):
        save(graph(pooled, opset.relu(pooled)), Path("/dev/full/model.xml"))


# Its input is pooled pixels, a token, a mean, a token beside a mean.
@pytest.mark.parametrize("name", ["resnet", "vit", "mobilevitv2", "dinov2"])
def test_the_classifier_of_an_architecture_can_be_put_back(name: str, tmp_path: Path) -> None:
    save_architecture(ARCHITECTURES[name], tmp_path)
    original = huggingface.load(fetch(str(tmp_path), None))
    prepare_network.write(original.network, original.preprocessing, tmp_path / "model.xml", "fp32")
    whole = openvino.Core().read_model(tmp_path / "model.xml")
    pixels = RNG.integers(0, 256, (2, *original.preprocessing.crop, 3), dtype=np.uint8)
    expected = infer(whole, pixels).copy()
    again = with_classifier(without_classifier(whole), *_classifier(original.network))
    assert infer(again, pixels) == pytest.approx(expected, abs=1e-4)


def _classifier(network: torch.nn.Module) -> list[Any]:
    """Return the weights and the bias of the layer that has an output for each class."""
    layers = (each for each in network.modules() if isinstance(each, torch.nn.Linear))
    (layer,) = (each for each in layers if each.out_features == CLASSES)
    return [layer.weight.detach().numpy(), layer.bias.detach().numpy()]
