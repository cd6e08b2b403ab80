"""A linear classifier of features, fitted with scikit-learn."""

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference_app.errors import UserError
from inference_app.evaluate.measures import Classes, Scores
from inference_app.model.activation import softmax
from inference_app.train.dataset import Features

C = (0.01, 0.1, 1.0, 10.0)  # inverse strengths of the regularisation
FOLDS = 5  # of the cross-validation that chooses one of them


class Head(NamedTuple):
    """Weights, float32 (classes, F), and a bias, float32 (classes,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    c: float  # the one of C that was chosen

    def scores(self, features: Features) -> Scores:
        """Return each picture's score for each class, float32 (pictures, classes)."""
        return softmax(features @ self.weights.T + self.bias)


def check_installed() -> None:
    """Raise UserError if scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise UserError(
            "scikit-learn is not installed here: training needs it, serving does not. "
            "Install it with: requirements/install.sh train"
        )


def fit(features: Features, actual: Classes) -> Head:
    """Fit a head to features, float32 (pictures, F); their scaling is folded into its weights."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    # One scale for all features: with a scale for each, accuracy was 1 to 2 points lower.
    centre = features.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(features.var(axis=0, dtype=np.float64).mean())) or 1.0
    # The penalty is the same in every direction, so that the best weights lie in the space that the
    # pictures span. With 200 pictures and 2,048 features, as of ResNet-50, that takes a third.
    left, sizes, axes = np.linalg.svd((features - centre) / scale, full_matrices=False)
    folds = min(FOLDS, int(np.bincount(actual).min()))
    regression = LogisticRegressionCV(
        Cs=C,
        cv=StratifiedKFold(folds, shuffle=True, random_state=0),
        scoring="neg_log_loss",
        l1_ratios=(0,),
        max_iter=1000,
        use_legacy_attributes=False,
    )
    # On so few samples, threads of the linear algebra wait for each other: it took 10 times longer.
    with threadpool_limits(1):
        regression.fit(left * sizes, actual)
    weights, bias = regression.coef_, regression.intercept_
    if len(bias) == 1:  # of two classes scikit-learn computes the second one's logit alone
        weights, bias = np.vstack([0 * weights, weights]), np.append(0.0, bias)
    weights = weights @ axes / scale
    bias = bias - weights @ centre
    return Head(weights.astype(np.float32), bias.astype(np.float32), float(regression.C_))
