"""PhotoPrism's vision service: requests as its `ApiRequest` makes them, read as `ApiResponse`."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from flask.testing import FlaskClient
from PIL import Image

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Answer, Classifier
from inference_app.timing import Timing
from inference_app.web.protocols.photoprism import merge
from tests.conftest import REPO, encode

PATH = "/api/v1/vision/labels"


def data_url(picture: bytes) -> str:
    """Return a picture as PhotoPrism sends it."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()


def api_request(*pictures: bytes, **more: Any) -> dict[str, Any]:
    """Return a request; `suffix` and `stream` are sent always, others where they are set."""
    return {
        "id": "b5a5b4b5-33a0-4d80-8a5e-ad3a7a06b4b8",
        "model": "nasnet",
        "version": "latest",
        "suffix": "",
        "stream": False,
        "images": [data_url(picture) for picture in pictures],
    } | more


def test_a_photo_gets_labels(client: FlaskClient, espresso: bytes, classifier: Classifier) -> None:
    response = client.post(PATH, json=api_request(espresso))
    assert response.status_code == 200
    body = response.json or {}
    (label, *_) = body["result"].pop("labels")
    assert label.pop("confidence") > 0.5
    assert label == {"name": "espresso", "source": "image", "priority": 0}
    assert body == {
        "id": "b5a5b4b5-33a0-4d80-8a5e-ad3a7a06b4b8",
        "code": 200,
        "model": {
            "type": "labels",
            "name": classifier.model.name,
            "version": classifier.model.digest,
        },
        "result": {},
    }


def test_keys_that_other_engines_need_do_not_matter(client: FlaskClient, espresso: bytes) -> None:
    more = {"system": "x", "prompt": "y", "format": "json", "options": {"stop": ["z"], "seed": 1}}
    assert client.post(PATH, json=api_request(espresso, **more)).status_code == 200


def test_labels_that_are_unlikely_are_left_out(client: FlaskClient) -> None:
    grey = encode(Image.new("RGB", (64, 64), "grey"))
    response = client.post(PATH, json=api_request(grey))
    assert response.json
    assert all(each["confidence"] >= 0.1 for each in response.json["result"]["labels"])


def test_of_several_crops_each_label_has_its_highest_score(classifier: Classifier) -> None:
    classes = len(classifier.model.labels)
    first, second = np.zeros((2, classes), np.float32)
    first[3], second[[5, 3]] = 9, (8, 4)
    answers = [Answer(classifier.model, first), Answer(classifier.model, second)]
    best, next_ = merge(answers)[:2]
    assert best.class_id == classifier.model.labels[3].class_id
    assert best.score == pytest.approx(answers[0].scores[3])
    assert next_.class_id == classifier.model.labels[5].class_id


def test_crops_are_merged_by_the_route(
    client: FlaskClient, classifier: Classifier, espresso: bytes
) -> None:
    grey = encode(Image.new("RGB", (64, 64), "grey"))
    response = client.post(PATH, json=api_request(grey, espresso, grey))
    alone = classifier.infer(espresso, Timing()).top(1)[0]
    assert response.json
    labels = {each["name"]: each["confidence"] for each in response.json["result"]["labels"]}
    assert labels["espresso"] == pytest.approx(alone.score)


def test_a_crop_that_is_damaged_does_not_matter_beside_others(
    client: FlaskClient, espresso: bytes
) -> None:
    response = client.post(PATH, json=api_request(espresso[:1000], espresso))
    assert response.json
    assert response.json["result"]["labels"][0]["name"] == "espresso"


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"images": []}, 400, "FileScheme"),
        ({"images": ["https://photoprism.example/api/v1/dl/0"]}, 400, "FileScheme"),
        ({"images": None}, 400, "images"),
        ({"images": ["data:image/jpeg;base64,AAAA"]}, 415, ""),
        ({"images": [""] * 17}, 413, "17 pictures"),
    ],
)
def test_errors_have_photoprisms_shape(
    client: FlaskClient, change: dict[str, Any], status: int, says: str
) -> None:
    response = client.post(PATH, json=api_request() | change)
    assert response.status_code == status
    body = response.json or {}
    assert says in body.pop("error")
    assert body == {"id": api_request()["id"], "code": status}


def test_an_error_before_the_id_is_known_has_none(client: FlaskClient) -> None:
    response = client.post(PATH, data=b'{"id": 5}')
    assert response.status_code == 400
    assert response.json
    assert response.json["id"] == ""


def test_a_request_without_a_url_of_pictures_names_the_setting(client: FlaskClient) -> None:
    response = client.post(PATH, json={"id": "a", "url": "https://photoprism.example/1"})
    assert response.json == {
        "id": "a",
        "code": 400,
        "error": "The request holds no picture: set FileScheme to data in vision.yml.",
    }


def test_the_configuration_leads_here() -> None:
    text = (REPO / "deploy" / "photoprism" / "vision.yml").read_text("utf-8")
    (model,) = yaml.safe_load(text)["Models"]
    assert model["Service"]["Uri"].endswith(PATH)
    assert (model["Type"], model["Service"]["FileScheme"]) == ("labels", "data")


def test_the_service_key_is_an_api_key(
    settings: Settings, classifier: Classifier, espresso: bytes, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a-key-of-photoprism")
    locked = replace(settings, api_keys_file=tmp_path / "keys")
    client = create_app(locked, classifier).test_client()
    body = api_request(espresso)
    refused = client.post(PATH, json=body)
    assert refused.status_code == 401
    assert set(refused.json or ()) == {"id", "code", "error"}
    key = {"Authorization": "Bearer a-key-of-photoprism"}
    assert client.post(PATH, json=body, headers=key).status_code == 200
