"""The query parameters of a request for predictions."""

import math
import sys
from dataclasses import dataclass
from difflib import get_close_matches

from werkzeug.datastructures import MultiDict

from inference_app.errors import BadRequest

NAMES = ("top_k", "threshold", "format")


@dataclass(frozen=True)
class Parameters:
    """Which predictions to list, and json, text, or None to go by Accept.

    At most `top_k` are listed, and none with a score below `threshold`; without both, none at all.
    """

    top_k: int | None = None
    threshold: float | None = None
    format: str | None = None

    @property
    def is_ranked(self) -> bool:
        """Whether predictions are listed."""
        return self.top_k is not None or self.threshold is not None

    @property
    def limit(self) -> int:
        """How many predictions are needed: the most likely one always is."""
        return self.top_k or (sys.maxsize if self.is_ranked else 1)


def read_parameters(query: MultiDict[str, str]) -> Parameters:
    """Check and return the parameters; raises BadRequest for unknown names and bad values."""
    for name in query:
        _check_name(name[:20])
    return Parameters(
        _top_k(query.get("top_k")), _threshold(query.get("threshold")), _format(query.get("format"))
    )


def _check_name(name: str) -> None:
    if name not in NAMES:
        nearest = get_close_matches(name, NAMES, n=1, cutoff=0)[0]
        known = ", ".join(NAMES[:-1]) + f" and {NAMES[-1]}"
        raise BadRequest(
            f"There is no parameter {name!r}. Did you mean {nearest}? The parameters are {known}."
        )


def _top_k(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        top_k = int(text)
    except ValueError:
        top_k = 0
    if top_k < 1:
        raise BadRequest(f"top_k must be a whole number of at least 1, not {text[:20]!r}.")
    return top_k


def _threshold(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise BadRequest(f"threshold must be a number, such as 0.5, not {text[:20]!r}.")
    return threshold


def _format(text: str | None) -> str | None:
    if text not in (None, "text", "json"):
        raise BadRequest(f"format must be text or json, not {text[:20]!r}.")
    return text
