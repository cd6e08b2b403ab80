"""A network whose classifier, its last fully connected layer, is taken off or replaced."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_app.errors import UserError
from inference_app.model.runtime import openvino

opset = openvino.opset8

# Layers that may follow the classifier: its bias, and changes of shape or type.
_AFTER = {"Add", "Convert", "Reshape", "Squeeze", "Unsqueeze"}


def without_classifier(network: openvino.Model) -> openvino.Model:
    """Return the network up to the input of its classifier: its output is features, float32 (N, F).

    The classifier is the last layer that multiplies with constant weights: a MatMul, or a
    convolution over 1x1 pixels. Raises UserError if there is none behind which nothing else is
    computed.
    """
    features = _classifier(network).input_value(0)
    shape = features.get_partial_shape()
    if any(size != 1 for size in list(shape)[2:]) or shape.rank.get_length() not in (2, 4):
        raise _no_classifier(f"its input is {shape}")
    if shape.rank.get_length() == 4:
        features = opset.reshape(features, np.array([0, -1]), special_zero=True).output(0)
    return openvino.Model([features], network.get_parameters(), network.get_friendly_name())


def with_classifier(
    body: openvino.Model, weights: NDArray[np.float32], bias: NDArray[np.float32]
) -> openvino.Model:
    """Return a network that ends in logits, float32 (N, classes): features @ weights.T + bias.

    `body` is as `without_classifier` returns it; weights are (classes, F), bias is (classes,).
    """
    features = body.get_results()[0].input_value(0)
    product = opset.matmul(features, weights, transpose_a=False, transpose_b=True)
    logits = opset.add(product, bias[np.newaxis]).output(0)
    logits.set_names({"logits"})
    return openvino.Model([logits], body.get_parameters(), body.get_friendly_name())


def save(network: openvino.Model, path: Path) -> None:
    """Write a network to `path` (.xml, and .bin beside it), its weights as they are.

    Raises UserError if the disk is full.
    """
    try:
        openvino.save_model(network, path, compress_to_fp16=False)
    except RuntimeError as error:  # of a full disk OpenVINO says "iostream error"
        free = shutil.disk_usage(path.parent).free / 1e6
        raise UserError(f"{path} cannot be written: its disk has {free:.0f} MB left") from error


def _classifier(network: openvino.Model) -> openvino.Node:
    node = network.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in _AFTER:
        node = _computed_input(node)
    name = node.get_type_name()
    if name not in ("MatMul", "Convolution") or not _is_constant(node.input_value(1).get_node()):
        raise _no_classifier(f"it ends in {name}")
    return node


def _computed_input(node: openvino.Node) -> openvino.Node:
    computed, *others = (
        value.get_node() for value in node.input_values() if not _is_constant(value.get_node())
    )
    if others and node.get_type_name() == "Add":
        raise _no_classifier("it adds up several")
    return computed


def _is_constant(node: openvino.Node) -> bool:
    """Tell whether a node's value depends on no picture; stored weights may be converted first."""
    values = [value.get_node() for value in node.input_values()]
    return node.get_type_name() == "Constant" or (bool(values) and all(map(_is_constant, values)))


def _no_classifier(why: str) -> UserError:
    return UserError(f"this model has no last fully connected layer to replace: {why}")
