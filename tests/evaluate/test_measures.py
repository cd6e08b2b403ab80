"""Figures whose values can be computed by hand."""

import numpy as np
import pytest

from inference_app.evaluate import measures

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.4, 0.5, 0.1], [0.1, 0.1, 0.8]], np.float32)
ACTUAL = np.array([0, 2, 2, 2])


@pytest.mark.parametrize(("k", "share"), [(1, 0.5), (2, 0.75), (3, 1.0)])
def test_top_k_counts_pictures_whose_class_is_among_k(k: int, share: float) -> None:
    assert measures.top_k_accuracy(SCORES, ACTUAL, k) == share


def test_classes_are_listed_from_the_worst() -> None:
    by_class = measures.accuracy_by_class(SCORES, ACTUAL)
    assert list(by_class) == [2, 0]
    assert by_class == {2: pytest.approx(1 / 3), 0: 1.0}


def test_confusions_count_what_a_class_is_taken_for() -> None:
    assert measures.confusions(SCORES, ACTUAL) == [measures.Confusion(2, 1, 2)]


def test_a_model_without_mistakes_confuses_nothing() -> None:
    assert measures.confusions(SCORES, SCORES.argmax(axis=1)) == []


def test_a_calibrated_model_has_no_error() -> None:
    half = np.tile(np.array([[0.5, 0.3, 0.2]], np.float32), (4, 1))
    bins = measures.reliability(half, np.array([0, 0, 1, 2]))
    ((confidence, accuracy, share),) = bins
    assert (confidence, accuracy, share) == pytest.approx((0.5, 0.5, 1.0))
    assert measures.expected_calibration_error(bins) == pytest.approx(0, abs=1e-7)


def test_the_calibration_error_weighs_bins_by_their_pictures() -> None:
    bins = measures.reliability(SCORES, ACTUAL)
    # 0.5 and 0.5 share a bin and are both wrong; 0.7 and 0.8 are right.
    assert [each.share for each in bins] == [0.5, 0.25, 0.25]
    expected = 0.5 * 0.5 + 0.25 * 0.3 + 0.25 * 0.2
    assert measures.expected_calibration_error(bins) == pytest.approx(expected)


def test_a_score_of_one_is_in_the_last_bin() -> None:
    certain = np.array([[1.0, 0.0]], np.float32)
    assert measures.reliability(certain, np.array([0])) == [measures.Bin(1.0, 1.0, 1.0)]


def test_two_models_agree_on_the_class_and_differ_in_the_score() -> None:
    others = SCORES.copy()
    others[0] = [0.2, 0.7, 0.1]
    assert measures.agreement(SCORES, others) == 0.75
    assert measures.max_difference(SCORES, others) == pytest.approx(0.5)
