"""A head is scikit-learn's logistic regression, with its scaling folded in."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from inference_app.errors import UserError
from inference_app.evaluate.measures import Classes
from inference_app.train import head
from inference_app.train.dataset import Features

RNG = np.random.default_rng(0)


def clusters(classes: int, pictures: int = 30, spread: float = 2.0) -> tuple[Features, Classes]:
    """Return features around a centre for each class, far from zero and small, and the classes."""
    actual = np.repeat(np.arange(classes), pictures)
    centres = RNG.normal(size=(classes, 8))
    features = 5 + 0.01 * (centres[actual] + spread * RNG.normal(size=(len(actual), 8)))
    return features.astype(np.float32), actual


@pytest.mark.parametrize("classes", [2, 3])
def test_the_scores_are_those_of_logistic_regression(classes: int) -> None:
    features, actual = clusters(classes)
    fitted = head.fit(features, actual)
    deviation = np.sqrt(features.var(axis=0).mean())
    scaled = (features - features.mean(axis=0)) / deviation
    theirs = LogisticRegression(C=fitted.c, max_iter=1000).fit(scaled, actual)
    assert fitted.weights.shape == (classes, 8)
    assert fitted.scores(features) == pytest.approx(theirs.predict_proba(scaled), abs=1e-3)


def test_more_features_than_pictures_are_fitted_alike() -> None:
    features, actual = clusters(2, pictures=6)
    wide = np.hstack([features, features[:, ::-1], features**2])
    fitted = head.fit(wide, actual)
    scaled = (wide - wide.mean(axis=0)) / np.sqrt(wide.var(axis=0).mean())
    theirs = LogisticRegression(C=fitted.c, max_iter=1000).fit(scaled, actual)
    assert fitted.scores(wide) == pytest.approx(theirs.predict_proba(scaled), abs=1e-2)


def test_noise_is_regularised_more_than_clear_classes() -> None:
    noise, actual = clusters(3, spread=1000)
    clear, _ = clusters(3, spread=0.1)
    assert head.fit(noise, actual).c == min(head.C)
    assert head.fit(clear, actual).c == max(head.C)


def test_features_that_are_all_alike_say_nothing() -> None:
    features, actual = np.ones((20, 3), np.float32), np.repeat([0, 1], 10)
    assert head.fit(features, actual).scores(features) == pytest.approx(0.5)


def test_a_class_of_four_pictures_can_be_fitted() -> None:
    features, actual = clusters(2, pictures=4, spread=0.1)
    scores = head.fit(features, actual).scores(features)
    assert (scores.argmax(axis=1) == actual).all()


def test_without_scikit_learn_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UserError, match=r"Install it with: requirements/install\.sh train"):
        head.check_installed()
