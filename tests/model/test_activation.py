"""From logits to scores."""

import numpy as np
import pytest

from inference_app.model.activation import none, sigmoid, softmax


def test_softmax_is_by_picture() -> None:
    scores = softmax(np.log(np.array([[1, 2, 3, 4], [4, 4, 1, 1]], np.float32)))
    np.testing.assert_allclose(scores, [[0.1, 0.2, 0.3, 0.4], [0.4, 0.4, 0.1, 0.1]], rtol=1e-6)


def test_softmax_does_not_overflow() -> None:
    scores = softmax(np.array([1000, -1000, 0, 999], np.float32))
    assert scores == pytest.approx([0.731059, 0, 0, 0.268941], abs=1e-6)


def test_sigmoid_is_by_class() -> None:
    logits = np.array([-2, 0, 3], np.float32)
    np.testing.assert_allclose(sigmoid(logits), 1 / (1 + np.exp(-logits)), rtol=1e-6)


def test_sigmoid_does_not_overflow() -> None:
    np.testing.assert_array_equal(sigmoid(np.array([-1e30, 1e30], np.float32)), [0, 1])


def test_a_regression_is_as_it_is() -> None:
    np.testing.assert_array_equal(none(np.array([-7, 250], np.float32)), [-7, 250])
