"""How predictions are formatted, for each family of clients."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from inference_app.errors import DamagedPicture, UnsupportedPicture, error_body
from inference_app.model.classifier import Prediction
from inference_app.telemetry.context import RequestContext
from inference_app.web import responses
from inference_app.web.parameters import Parameters
from inference_app.web.responses import CLASS_ONLY, NESTED, PLAIN_LABEL, Result

TABBY = Prediction("n02123045", "tabby, tabby cat", 0.75)
CRANE = Prediction("n02012849", "crane \N{BIRD}", 0.25)
DAMAGED, FILM = DamagedPicture("It ends too soon."), UnsupportedPicture("It is a film.")


@pytest.fixture
def in_request() -> Iterator[RequestContext]:
    """Enter a request with the id abc."""
    with Flask("x").test_request_context():
        context = RequestContext("abc")
        context.enter()
        yield context


def failure(type_: str, message: str) -> dict[str, Any]:
    """Return a failure of that request."""
    return error_body(type_, message, "abc")


def test_the_resnet_system_gets_its_body_in_a_string() -> None:
    assert responses.nested(TABBY) == {
        "success": True,
        "response": {"statusCode": 200, "body": '"tabby, tabby cat"'},
    }


@pytest.mark.parametrize("best", [TABBY, CRANE, Prediction("n1", 'a "b"\n\\', 1)])
def test_the_body_is_json(best: Prediction) -> None:
    assert json.loads(responses.response(best)["body"]) == best.label


def test_the_body_keeps_letters_of_all_languages() -> None:
    assert responses.response(CRANE)["body"] == '"crane \N{BIRD}"'


def test_the_densenet_systems_get_the_class_only() -> None:
    assert responses.class_only(TABBY) == {"class_id": "n02123045", "class_name": "tabby"}


def test_one_picture_has_one_result() -> None:
    formatted = responses.to_json([[TABBY, CRANE]], CLASS_ONLY, Parameters())
    assert formatted == {"class_id": "n02123045", "class_name": "tabby"}


def test_a_ranking_is_added_when_it_is_asked_for() -> None:
    formatted = responses.to_json([[TABBY, CRANE]], CLASS_ONLY, Parameters(top_k=5))
    assert formatted == {
        "class_id": "n02123045",
        "class_name": "tabby",
        "predictions": [TABBY.to_json(), CRANE.to_json()],
    }


@pytest.mark.parametrize(
    ("threshold", "listed"), [(0.75, [TABBY]), (0.5, [TABBY]), (0.0, [TABBY, CRANE]), (0.99, [])]
)
def test_a_threshold_leaves_out_what_scores_less(
    threshold: float, listed: list[Prediction]
) -> None:
    parameters = Parameters(threshold=threshold)
    formatted = responses.to_json([[TABBY, CRANE]], CLASS_ONLY, parameters)
    assert formatted["predictions"] == [each.to_json() for each in listed]
    assert formatted["class_name"] == "tabby"


def test_several_pictures_have_a_list_of_results() -> None:
    formatted = responses.to_json([[TABBY], [CRANE]], NESTED, Parameters())
    assert formatted == {
        "success": True,
        "results": [responses.nested(TABBY), responses.nested(CRANE)],
    }


@pytest.mark.usefixtures("in_request")
def test_a_failure_takes_its_place_among_the_results() -> None:
    formatted = responses.to_json([[TABBY], DAMAGED, [CRANE]], NESTED, Parameters())
    assert formatted == {
        "success": False,
        "results": [
            responses.nested(TABBY),
            failure("damaged_picture", "Picture 2 of 3: It ends too soon."),
            responses.nested(CRANE),
        ],
    }


@pytest.mark.usefixtures("in_request")
def test_if_all_fail_the_first_error_is_the_request_s() -> None:
    first = failure("damaged_picture", "Picture 1 of 2: It ends too soon.")
    second = failure("unsupported_picture", "Picture 2 of 2: It is a film.")
    formatted = responses.to_json([DAMAGED, FILM], NESTED, Parameters(top_k=5))
    assert formatted == first | {"results": [first, second]}


@pytest.mark.usefixtures("in_request")
def test_the_failure_of_a_single_picture_is_the_one_shape() -> None:
    formatted = responses.to_json([DAMAGED], NESTED, Parameters(top_k=5))
    assert formatted == failure("damaged_picture", "It ends too soon.")


def test_text_is_a_label_a_line() -> None:
    assert responses.to_text([[TABBY, CRANE]], NESTED) == "tabby, tabby cat"
    assert responses.to_text([[TABBY], [CRANE]], NESTED) == "tabby, tabby cat\ncrane \N{BIRD}"
    assert responses.to_text([[TABBY], [CRANE]], PLAIN_LABEL) == "tabby\ncrane_\N{BIRD}"


def test_a_failure_is_a_line_of_text() -> None:
    text = responses.to_text([[TABBY], DamagedPicture("Two\nlines.")], PLAIN_LABEL)
    assert text == "tabby\nerror: Picture 2 of 2: Two lines."


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([[TABBY]], 200),
        ([[TABBY], DAMAGED], 200),
        ([DAMAGED, [TABBY]], 200),
        ([DAMAGED], 422),
        ([DAMAGED, FILM], 422),
        ([FILM, DAMAGED], 415),
    ],
)
@pytest.mark.parametrize("parameters", [Parameters(), Parameters(format="text")])
@pytest.mark.usefixtures("in_request")
def test_the_status_is_an_error_s_only_if_all_failed(
    results: list[Result], status: int, parameters: Parameters
) -> None:
    response = responses.respond(results, NESTED, parameters)
    assert response.status_code == status
    assert (response.mimetype == "text/plain") == (status == 200 and parameters.format == "text")
