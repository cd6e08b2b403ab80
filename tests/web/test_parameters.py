"""The query parameters: what they may be, and what a wrong one is answered with."""

import sys

import pytest
from werkzeug.datastructures import MultiDict

from inference_app.errors import BadRequest
from inference_app.web.parameters import Parameters, read_parameters


def read(**query: str) -> Parameters:
    """Return what is read from a query."""
    return read_parameters(MultiDict(query))


def test_there_may_be_none() -> None:
    assert read() == Parameters(top_k=None, threshold=None, format=None)


def test_all_are_read() -> None:
    assert read(top_k="5", threshold="0.25", format="text") == Parameters(5, 0.25, "text")


@pytest.mark.parametrize(
    ("query", "limit", "is_ranked"),
    [
        ({}, 1, False),
        ({"top_k": "3"}, 3, True),
        ({"top_k": "3", "threshold": "0.5"}, 3, True),
        ({"threshold": "0"}, sys.maxsize, True),
    ],
)
def test_a_threshold_alone_limits_no_number(
    query: dict[str, str], limit: int, is_ranked: bool
) -> None:
    assert (read(**query).limit, read(**query).is_ranked) == (limit, is_ranked)


@pytest.mark.parametrize("threshold", ["", "x", "nan", "inf", "-inf", "1e999", "0,5"])
def test_a_bad_threshold_is_refused(threshold: str) -> None:
    with pytest.raises(BadRequest, match="threshold must be a number"):
        read(threshold=threshold)


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "", "1.5", "9" * 5000])
def test_a_bad_top_k_is_refused(top_k: str) -> None:
    with pytest.raises(BadRequest, match="top_k must be a whole number") as refused:
        read(top_k=top_k)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("format_", ["xml", "", "JSON", "text "])
def test_a_bad_format_is_refused(format_: str) -> None:
    with pytest.raises(BadRequest, match=f"format must be text or json, not '{format_}'"):
        read(format=format_)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("topk", "top_k"), ("top-k", "top_k"), ("k", "top_k"), ("TOP_K", "top_k"), ("fmt", "format")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    says = f"no parameter '{name}'. Did you mean {nearest}?"
    with pytest.raises(BadRequest, match=says.replace("?", r"\?")):
        read(**{"top_k": "3", name: "3"})


def test_a_long_name_costs_nothing() -> None:
    with pytest.raises(BadRequest) as refused:
        read(**{"a" * 1_000_000: ""})
    assert len(str(refused.value)) < 150
