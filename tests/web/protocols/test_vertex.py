"""Vertex AI's custom containers: its variables, and its schemas of image classification."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import SettingError
from inference_app.model.classifier import Classifier

PATH = "/vertex/predict"


def b64(picture: bytes) -> str:
    """Return a picture as JSON holds it."""
    return base64.b64encode(picture).decode()


@pytest.mark.parametrize("key", ["b64", "content"])
def test_each_instance_gets_a_prediction(client: FlaskClient, espresso: bytes, key: str) -> None:
    response = client.post(PATH, json={"instances": [{key: b64(espresso)}] * 2, "parameters": {}})
    assert response.status_code == 200
    body = response.json or {}
    first, second = body.pop("predictions")
    assert body == {}
    assert first == second
    assert first["displayNames"][0] == "espresso"
    assert first["ids"][0] == "n07920052"
    assert first["confidences"] == sorted(first["confidences"], reverse=True)
    assert [len(each) for each in first.values()] == [5, 5, 5]


def test_parameters_bound_the_predictions(client: FlaskClient, espresso: bytes) -> None:
    def names(**parameters: Any) -> list[str]:
        body = {"instances": [{"b64": b64(espresso)}], "parameters": parameters}
        response = client.post(PATH, json=body)
        assert response.json
        return list(response.json["predictions"][0]["displayNames"])

    assert len(names(maxPredictions=3)) == 3
    assert names(confidenceThreshold=0.5) == ["espresso"]
    assert names(confidenceThreshold=1.1) == []


def test_a_server_that_can_classify_is_healthy(client: FlaskClient, settings: Settings) -> None:
    assert client.get("/vertex/health").status_code == 200
    assert create_app(settings).test_client().get("/vertex/health").status_code == 503


def test_the_platform_names_the_paths(
    settings: Settings, classifier: Classifier, espresso: bytes
) -> None:
    """One of ours becomes the platform's: nobody else reaches the container."""
    environ = {"AIP_PREDICT_ROUTE": "/predict", "AIP_HEALTH_ROUTE": "/v1/endpoints/7:health"}
    named = Settings.from_environment(environ)
    client = create_app(named, classifier).test_client()
    response = client.post("/predict", json={"instances": [{"b64": b64(espresso)}]})
    assert response.json
    assert response.json["predictions"][0]["displayNames"][0] == "espresso"
    assert client.get("/v1/endpoints/7:health").status_code == 200
    assert client.get("/vertex/health").status_code == 404


def test_the_platform_names_the_port() -> None:
    environ = {"PORT": "5000", "AIP_HTTP_PORT": "9000"}
    assert Settings.from_environment(environ).port == 9000
    with pytest.raises(SettingError, match="AIP_HTTP_PORT must be a whole number"):
        Settings.from_environment(environ | {"AIP_HTTP_PORT": "x"})


@pytest.mark.parametrize("path", ["predict", "/<any>"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(SettingError, match="AIP_PREDICT_ROUTE must be a path"):
        Settings.from_environment({"AIP_PREDICT_ROUTE": path})


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "instances"),
        ({"instances": []}, 400, "no instances"),
        ({"instances": [{}]}, 400, "b64"),
        ({"instances": [{"b64": None}]}, 400, "b64"),
        ({"instances": [{"b64": []}]}, 400, ""),
        ({"instances": [{"b64": ["", ""]}]}, 413, "2 pictures"),
        ({"instances": [{"b64": ""}] * 17}, 413, "17 pictures"),
        ({"instances": [{"b64": "AAAA"}]}, 415, ""),
        ({"instances": [{"b64": ""}], "parameters": {"maxPredictions": 0}}, 400, "maxPredictions"),
        ([], 400, "object"),
    ],
)
def test_errors_have_googles_shape(
    client: FlaskClient, body: object, status: int, says: str
) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == status
    answer = response.json or {}
    assert says in answer["error"].pop("message")
    assert answer == {"error": {"code": status}}


def test_a_key_is_needed_where_there_are_keys(
    settings: Settings, classifier: Classifier, espresso: bytes, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a-key-of-this-server")
    locked = replace(settings, api_keys_file=tmp_path / "keys")
    client = create_app(locked, classifier).test_client()
    body = {"instances": [{"b64": b64(espresso)}]}
    assert client.post(PATH, json=body).status_code == 401
    key = {"Authorization": "Bearer a-key-of-this-server"}
    assert client.post(PATH, json=body, headers=key).status_code == 200
