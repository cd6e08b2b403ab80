"""The query parameters of a request for predictions."""

from dataclasses import dataclass
from difflib import get_close_matches

from werkzeug.datastructures import MultiDict

from inference_app.errors import BadRequest

NAMES = ("top_k", "format")


@dataclass(frozen=True)
class Parameters:
    """How many predictions to list, None for none; and json, text, or None to go by Accept."""

    top_k: int | None
    format: str | None


def read_parameters(query: MultiDict[str, str]) -> Parameters:
    """Check and return the parameters; raises BadRequest for unknown names and bad values."""
    for name in query:
        _check_name(name[:20])
    return Parameters(_top_k(query.get("top_k")), _format(query.get("format")))


def _check_name(name: str) -> None:
    if name not in NAMES:
        nearest = get_close_matches(name, NAMES, n=1, cutoff=0)[0]
        known = " and ".join(NAMES)
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


def _format(text: str | None) -> str | None:
    if text not in (None, "text", "json"):
        raise BadRequest(f"format must be text or json, not {text[:20]!r}.")
    return text
