"""How predictions are formatted, for each family of clients."""

import json

import pytest

from inference_app.model.classifier import Prediction
from inference_app.web import responses

TABBY = Prediction("n02123045", "tabby, tabby cat", 0.75)
CRANE = Prediction("n02012849", "crane \N{BIRD}", 0.25)


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


def test_one_picture_has_one_answer() -> None:
    formatted = responses.to_json([[TABBY, CRANE]], responses.class_only, ranked=False)
    assert formatted == {"class_id": "n02123045", "class_name": "tabby"}


def test_a_ranking_is_added_when_it_is_asked_for() -> None:
    formatted = responses.to_json([[TABBY, CRANE]], responses.class_only, ranked=True)
    assert formatted == {
        "class_id": "n02123045",
        "class_name": "tabby",
        "predictions": [TABBY.to_json(), CRANE.to_json()],
    }


def test_several_pictures_have_a_list_of_answers() -> None:
    formatted = responses.to_json([[TABBY], [CRANE]], responses.nested, ranked=False)
    assert formatted == {
        "success": True,
        "results": [responses.nested(TABBY), responses.nested(CRANE)],
    }


def test_text_is_a_label_a_line() -> None:
    assert responses.to_text([[TABBY, CRANE]]) == "tabby, tabby cat"
    assert responses.to_text([[TABBY], [CRANE]]) == "tabby, tabby cat\ncrane \N{BIRD}"
