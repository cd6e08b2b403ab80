"""What a network's operations are counted to be; nothing is timed here."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

from benchmarks import peak


def ones(*shape: int) -> Any:
    return opset.constant(np.ones(shape, np.float32))


def saved(result: Any, picture: Any, folder: Path) -> Path:
    path = folder / "model.xml"
    openvino.save_model(openvino.Model([result], [picture]), path)
    return path


def convolved(kind: Any, picture: Any, *weights: int) -> Any:
    return kind(picture, ones(*weights), [1, 1], [1, 1], [1, 1], [1, 1])  # strides, pads, dilations


def test_convolution(tmp_path: Path) -> None:
    picture = opset.parameter([-1, 3, 8, 10])
    result = convolved(opset.convolution, picture, 5, 3, 3, 3)
    by_hand = 2 * (5 * 8 * 10) * (3 * 3 * 3)  # outputs, each a sum over in-channels and 3 x 3
    assert peak.flops(saved(result, picture, tmp_path)) == by_hand


def test_grouped_convolution(tmp_path: Path) -> None:
    picture = opset.parameter([-1, 6, 8, 10])
    result = convolved(opset.group_convolution, picture, 2, 4, 3, 3, 3)
    by_hand = 2 * (8 * 8 * 10) * (3 * 3 * 3)  # a group sees 3 of the 6 channels
    assert peak.flops(saved(result, picture, tmp_path)) == by_hand


@pytest.mark.parametrize("transposed", [False, True])
def test_matrix_product(transposed: bool, tmp_path: Path) -> None:
    picture = opset.parameter([-1, 7, 4] if transposed else [-1, 4, 7])
    result = opset.matmul(opset.relu(picture), ones(7, 5), transposed, False)
    by_hand = 2 * (4 * 5) * 7  # the ReLU counts as nothing
    assert peak.flops(saved(result, picture, tmp_path)) == by_hand
