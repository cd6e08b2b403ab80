"""From a network's logits to scores, by the functions of transformers' classification pipeline."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def softmax(logits: Scores) -> Scores:
    """Turn logits, float32 (..., classes), into scores from 0 to 1 that add up to 1."""
    scores: Scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def sigmoid(logits: Scores) -> Scores:
    """Turn logits, float32, into a score from 0 to 1 for each class by itself."""
    # By tanh, which overflows for no logit; the result is the same as 1 / (1 + exp(-logits)).
    scores: Scores = 0.5 + 0.5 * np.tanh(0.5 * logits)
    return scores


def none(logits: Scores) -> Scores:
    """Return what a regression head computes as it is."""
    return logits


ACTIVATIONS: dict[str, Callable[[Scores], Scores]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": none,
}
