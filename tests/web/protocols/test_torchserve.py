"""TorchServe's inference API, and what its management API tells."""

import base64
import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier, Prediction
from inference_app.web.error_handlers import Problem
from inference_app.web.protocols.torchserve import flat, shape

PATH = "/predictions/resnet-tiny-imagenet"


def ask(client: FlaskClient, **request: Any) -> Any:
    """Return the answer to a request for a prediction."""
    return client.post(PATH, **request).json


def test_five_classes_are_named_as_in_the_class_index(client: FlaskClient, espresso: bytes) -> None:
    answer = ask(client, data=espresso)
    assert len(answer) == 5
    assert next(iter(answer)) == "espresso"
    assert "wooden_spoon" in answer
    assert list(answer.values()) == sorted(answer.values(), reverse=True)


def test_a_picture_comes_in_any_form_that_its_handlers_take(
    client: FlaskClient, espresso: bytes
) -> None:
    raw = ask(client, data=espresso)
    for field in ("data", "body"):
        assert ask(client, data={field: (BytesIO(espresso), "photo.jpg")}) == raw
    encoded = base64.b64encode(espresso).decode()
    assert ask(client, json=encoded) == raw
    assert client.post(f"{PATH}/1.0", data=espresso).json == raw
    assert client.put(PATH, data=espresso).json == raw


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({}, "holds no picture"),
        ({"json": "not base64!"}, "'body' must be base64"),
        ({"data": {"image": (BytesIO(b"x"), "a.jpg")}}, "no field 'data'; its fields: image"),
    ],
)
def test_bad_requests_are_refused(client: FlaskClient, request_: dict[str, Any], why: str) -> None:
    answer = ask(client, **request_)
    assert (answer["code"], answer["type"]) == (400, "BadRequestException")
    assert why in answer["message"]


def test_one_picture_is_taken_at_a_time(client: FlaskClient, espresso: bytes) -> None:
    two = [(BytesIO(espresso), "a.jpg"), (BytesIO(espresso), "b.jpg")]
    assert ask(client, data={"data": two})["code"] == 413


def test_classes_of_one_name_are_both_kept() -> None:
    """With the names of ImageNet's classes 134 and 517, and 638 and 639."""
    ranking = [
        Prediction("n02012849", "crane", 0.5),
        Prediction("n03126707", "crane", 0.3),
        Prediction("n03710721", "maillot, tank suit", 0.1),
        Prediction("n03710637", "maillot", 0.05),
    ]
    assert flat(ranking) == {
        "crane": 0.5,
        "crane_n03126707": 0.3,
        "maillot": 0.1,
        "maillot_n03710637": 0.05,
    }


def test_the_model_is_listed_and_described(settings: Settings, classifier: Classifier) -> None:
    client = create_app(replace(settings, workers=3), classifier).test_client()
    name = {"modelName": "resnet-tiny-imagenet", "modelUrl": "resnet-tiny-imagenet"}
    assert client.get("/models").json == {"models": [name]}
    for path in ("/models/resnet-tiny-imagenet", "/models/resnet-tiny-imagenet/all"):
        (described,) = json.loads(client.get(path).text)
        assert name.items() <= described.items()
        assert described["modelVersion"] == classifier.model.digest
        assert [each["status"] for each in described["workers"]] == ["READY"] * 3


@pytest.mark.parametrize("path", ["/models/another", "/models/another/1.0"])
def test_another_model_is_not_found(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert json.loads(response.text)["type"] == "ModelNotFoundException"


@pytest.mark.parametrize("path", ["/ping", "/models", "/models/resnet-tiny-imagenet"])
def test_nothing_is_told_before_the_model_is_loaded(settings: Settings, path: str) -> None:
    response = create_app(settings).test_client().get(path)
    assert response.status_code == 503
    assert json.loads(response.text)["type"] == "ServiceUnavailableException"


def test_an_error_without_a_namesake_is_the_one_of_failed_predictions() -> None:
    body = shape(Problem(422, "damaged_picture", "Cut off."))
    assert body == {"code": 422, "type": "InternalServerException", "message": "Cut off."}
