"""Figures about a model's scores on labelled pictures: accuracy, confusion, calibration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]  # (pictures, classes), from 0 to 1
Classes = NDArray[np.int64]  # (pictures,), class indices

BINS = 15  # of the expected calibration error, as in Guo et al. 2017


class Confusion(NamedTuple):
    """How many pictures of one class the model took for another."""

    actual: int
    predicted: int
    pictures: int


class Bin(NamedTuple):
    """Pictures whose highest scores lie close together; `share` is of all pictures."""

    confidence: float
    accuracy: float
    share: float


def top_k_accuracy(scores: Scores, actual: Classes, k: int) -> float:
    """Return the share of pictures whose class is among the k most likely ones."""
    most_likely = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((most_likely == actual[:, None]).any(axis=1).mean())


def accuracy_by_class(scores: Scores, actual: Classes) -> dict[int, float]:
    """Return each class's share of pictures that were predicted right, the lowest first."""
    right = scores.argmax(axis=1) == actual
    by_class = {int(each): float(right[actual == each].mean()) for each in np.unique(actual)}
    return dict(sorted(by_class.items(), key=lambda pair: pair[1]))


def confusions(scores: Scores, actual: Classes) -> list[Confusion]:
    """Return the pairs of classes that the model confuses, the most frequent first."""
    predicted = scores.argmax(axis=1)
    wrong = predicted != actual
    pairs, counts = np.unique(
        np.stack([actual[wrong], predicted[wrong]]), axis=1, return_counts=True
    )
    found = [
        Confusion(int(pairs[0, at]), int(pairs[1, at]), int(count))
        for at, count in enumerate(counts)
    ]
    return sorted(found, key=lambda each: (-each.pictures, each.actual, each.predicted))


def reliability(scores: Scores, actual: Classes) -> list[Bin]:
    """Return the accuracy of predictions by their confidence, in bins of equal width.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 2.
    """
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == actual
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(float(confidence[held].mean()), float(right[held].mean()), float(held.mean()))
        for held in (bins == each for each in range(BINS))
        if held.any()
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Return the mean difference of confidence and accuracy, weighted by pictures."""
    return sum(each.share * abs(each.confidence - each.accuracy) for each in bins)


def agreement(scores: Scores, others: Scores) -> float:
    """Return the share of pictures that two models give the same class."""
    return float((scores.argmax(axis=1) == others.argmax(axis=1)).mean())


def max_difference(scores: Scores, others: Scores) -> float:
    """Return the largest difference of two models' scores for the same picture and class."""
    return float(np.abs(scores - others).max())
