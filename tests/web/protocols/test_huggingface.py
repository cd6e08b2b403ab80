"""Hugging Face's image classification: its requests, parameters and errors."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from inference_app.model.activation import ACTIVATIONS
from inference_app.model.classifier import Classifier
from inference_app.timing import Timing


def ask(client: FlaskClient, picture: Any, query: str = "", **parameters: Any) -> Any:
    """Send a picture, or several, in JSON as InferenceClient does; return the answer."""
    encoded = (
        [base64.b64encode(each).decode() for each in picture]
        if isinstance(picture, list)
        else base64.b64encode(picture).decode()
    )
    body = {"inputs": encoded} | ({"parameters": parameters} if parameters else {})
    return json.loads(client.post(f"/{query}", json=body).text)


def test_five_classes_are_ranked(client: FlaskClient, espresso: bytes) -> None:
    answer = json.loads(client.post("/", data=espresso).text)
    assert answer[0]["label"] == "espresso"
    scores = [each["score"] for each in answer]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert all(set(each) == {"label", "score"} for each in answer)


def test_json_is_answered_as_the_bytes_are(client: FlaskClient, espresso: bytes) -> None:
    assert ask(client, espresso) == json.loads(client.post("/", data=espresso).text)


def test_a_list_is_answered_with_a_list(client: FlaskClient, espresso: bytes) -> None:
    one = ask(client, espresso)
    assert ask(client, [espresso]) == [one]
    assert ask(client, [espresso, espresso]) == [one, one]


@pytest.mark.parametrize("top_k", [1, 3, 200, 10_000])
def test_top_k_is_how_many_at_most(client: FlaskClient, espresso: bytes, top_k: int) -> None:
    assert len(ask(client, espresso, top_k=top_k)) == min(top_k, 200)


def test_parameters_may_be_in_the_query(client: FlaskClient, espresso: bytes) -> None:
    in_body = ask(client, espresso, top_k=2, function_to_apply="sigmoid")
    query = "?top_k=2&function_to_apply=sigmoid"
    assert json.loads(client.post(f"/{query}", data=espresso).text) == in_body
    assert ask(client, espresso, query) == in_body


def test_what_is_null_is_not_said(client: FlaskClient, espresso: bytes) -> None:
    assert ask(client, espresso, top_k=None, function_to_apply=None) == ask(client, espresso)


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_a_function_is_applied_to_the_logits(
    client: FlaskClient, classifier: Classifier, espresso: bytes, function: str
) -> None:
    logits = classifier.infer(espresso, Timing()).logits
    answer = ask(client, espresso, function_to_apply=function)
    best = np.sort(ACTIVATIONS[function](logits))[::-1][:5]
    np.testing.assert_allclose([each["score"] for each in answer], best, rtol=1e-5)


def test_an_owner_may_stand_before_the_name(client: FlaskClient, espresso: bytes) -> None:
    for path in ("/models/resnet-tiny-imagenet", "/models/microsoft/resnet-tiny-imagenet"):
        assert json.loads(client.post(path, data=espresso).text)[0]["label"] == "espresso"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "missing required field `inputs`"),
        ({"inputs": 1}, "'inputs' must be base64"),
        ({"inputs": "file:///etc/passwd"}, "'inputs' must be base64"),
        ({"inputs": "aGk=", "parameters": {"top_k": 0}}, "top_k"),
        ({"inputs": "aGk=", "parameters": {"top_k": "3"}}, "top_k"),
        ({"inputs": "aGk=", "parameters": {"function_to_apply": "exp"}}, "function_to_apply"),
        ({"inputs": "aGk=", "parameters": {"candidate_labels": ["cat"]}}, "candidate_labels"),
    ],
)
def test_bad_json_is_refused(client: FlaskClient, body: dict[str, Any], why: str) -> None:
    response = client.post("/", data=json.dumps(body))
    assert response.status_code == 400
    assert set(json.loads(response.text)) == {"error"}
    assert why in response.text


@pytest.mark.parametrize(
    ("query", "body", "why"),
    [("?top_k=0", b"a", "top_k"), ("?model=a", b"a", "`model`"), ("", b"", "holds no picture")],
)
def test_other_bad_requests_are_refused(
    client: FlaskClient, query: str, body: bytes, why: str
) -> None:
    response = client.post(f"/{query}", data=body)
    assert response.status_code == 400
    assert why in response.text
