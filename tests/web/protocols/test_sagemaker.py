"""SageMaker's hosting: what clients of Hugging Face's containers and of the built-in one get."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier

PATH = "/invocations"
ESPRESSO_ID = "n07920052"


def body(picture: bytes, **parameters: Any) -> dict[str, Any]:
    """Return a request in JSON."""
    return {"inputs": base64.b64encode(picture).decode(), "parameters": parameters}


@pytest.mark.parametrize("kind", ["image/jpeg", "image/x-image", "application/octet-stream"])
def test_a_picture_gets_labels_as_from_hugging_faces_containers(
    client: FlaskClient, espresso: bytes, kind: str
) -> None:
    response = client.post(PATH, data=espresso, content_type=kind)
    assert response.status_code == 200
    assert response.json
    assert len(response.json) == 5
    assert response.json[0]["label"] == "espresso"
    assert response.json[0].keys() == {"label", "score"}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_a_picture_comes_in_json_too(client: FlaskClient, espresso: bytes, kind: str) -> None:
    text = json.dumps(body(espresso, top_k=2))
    response = client.post(PATH, data=text, content_type=kind)
    assert response.json
    assert response.json[0]["label"] == "espresso"
    assert len(response.json) == 2


def espresso_index(classifier: Classifier) -> int:
    """Return the index of the class that the picture is of."""
    return [label.class_id for label in classifier.model.labels].index(ESPRESSO_ID)


def test_clients_of_the_built_in_classifier_get_all_scores(
    client: FlaskClient, classifier: Classifier, espresso: bytes
) -> None:
    response = client.post(PATH, data=espresso, content_type="application/x-image")
    assert np.argmax(response.json or []) == espresso_index(classifier)
    assert len(response.json or []) == len(classifier.model.labels)


def test_a_batch_transform_gets_lines(
    client: FlaskClient, classifier: Classifier, espresso: bytes
) -> None:
    headers = {"Accept": "application/jsonlines", "Content-Type": "application/x-image"}
    response = client.post(PATH, data=espresso, headers=headers)
    assert response.mimetype == "application/jsonlines"
    (line,) = response.text.splitlines()
    assert np.argmax(json.loads(line)["prediction"]) == espresso_index(classifier)


def test_what_the_platform_adds_does_not_matter(client: FlaskClient, espresso: bytes) -> None:
    headers = {"X-Amzn-SageMaker-Custom-Attributes": "trace=1", "Accept": "*/*"}
    assert client.post(PATH, data=espresso, headers=headers).status_code == 200


def test_a_server_that_can_classify_answers_the_ping(
    settings: Settings, classifier: Classifier
) -> None:
    alone = replace(settings, protocols=("sagemaker",))
    assert create_app(alone, classifier).test_client().get("/ping").status_code == 200
    assert create_app(alone).test_client().get("/ping").status_code == 503


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        (b"{}", 400, "inputs"),
        (b'{"inputs": {}}', 400, "inputs"),
        (b'{"inputs": "AAAA"}', 415, ""),
        (b'{"inputs": ["AAAA", "AAAA"]}', 415, ""),
        (b'{"inputs": "AAAA", "parameters": {"top_k": "x"}}', 400, "top_k"),
        (b"", 400, "no picture"),
    ],
)
def test_errors_have_the_shape_of_its_containers(
    client: FlaskClient, text: bytes, status: int, says: str
) -> None:
    response = client.post(PATH, data=text, content_type="application/json")
    assert response.status_code == status
    assert response.json
    assert response.json["code"] == status
    assert says in response.json["message"]
    assert response.json.keys() == {"code", "type", "message"}


def test_a_key_is_needed_where_there_are_keys(
    settings: Settings, classifier: Classifier, espresso: bytes, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a-key-of-this-server")
    locked = replace(settings, api_keys_file=tmp_path / "keys")
    client = create_app(locked, classifier).test_client()
    assert client.post(PATH, data=espresso).status_code == 401
    key = {"X-API-Key": "a-key-of-this-server"}
    assert client.post(PATH, data=espresso, headers=key).status_code == 200
