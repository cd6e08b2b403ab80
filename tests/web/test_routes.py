"""The routes, through Flask's own client."""

import base64
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from tests.conftest import SAMPLES

RESNET = {"success": True, "response": {"statusCode": 200, "body": '"espresso"'}}
CLASS = {"class_id": "n07920052", "class_name": "espresso"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


def form(field: str, *pictures: bytes) -> dict[str, Any]:
    """Return a multipart form."""
    return {"data": {field: [(io.BytesIO(picture), "photo.jpg") for picture in pictures]}}


def test_the_greeting_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/", base_url="http://pictures.example:5000")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert "server is running" in answer.text
    assert "http://pictures.example:5000/predict" in answer.text


@pytest.mark.parametrize(
    ("path", "field", "expected"),
    [
        ("/predict", "image", RESNET),
        ("/predict", "file", CLASS),
        ("/", "image", CLASS),
        ("/", "file", CLASS),
        ("/upload", "file", CLASS),
        ("/upload", "image", CLASS),
    ],
)
def test_the_route_and_the_field_decide_the_wording(
    client: FlaskClient, espresso: bytes, path: str, field: str, expected: dict[str, Any]
) -> None:
    answer = client.post(path, **form(field, espresso))
    assert (answer.status_code, answer.json) == (200, expected)


def test_the_body_may_be_the_picture(client: FlaskClient, espresso: bytes) -> None:
    assert client.post("/predict", data=espresso).json == RESNET


def test_json_may_hold_the_picture(client: FlaskClient, espresso: bytes) -> None:
    body = {"image": base64.b64encode(espresso).decode()}
    assert client.post("/predict", json=body).json == RESNET


def test_several_pictures_are_answered_in_their_order(client: FlaskClient, espresso: bytes) -> None:
    orange = (SAMPLES / "orange.jpg").read_bytes()
    answer = client.post("/predict", **form("image", espresso, orange, espresso)).json
    assert answer is not None
    labels = [json.loads(each["response"]["body"]) for each in answer["results"]]
    assert labels == ["espresso", "orange", "espresso"]


@pytest.mark.parametrize(("top_k", "count"), [("1", 1), ("5", 5), ("100000", 200)])
def test_top_k_adds_the_ranking(
    client: FlaskClient, espresso: bytes, top_k: str, count: int
) -> None:
    answer = client.post(f"/predict?top_k={top_k}", data=espresso).json
    assert answer is not None
    ranking = answer.pop("predictions")
    assert answer == RESNET
    assert len(ranking) == count
    assert ranking[0] == {
        "class_id": "n07920052",
        "label": "espresso",
        "score": ranking[0]["score"],
    }
    assert [each["score"] for each in ranking] == sorted(
        (each["score"] for each in ranking), reverse=True
    )


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "", "1.5", "9" * 5000])
def test_a_bad_top_k_is_refused(client: FlaskClient, espresso: bytes, top_k: str) -> None:
    answer = client.post(f"/predict?top_k={top_k}", data=espresso)
    assert answer.status_code == 400
    assert answer.json is not None
    assert "top_k must be a whole number" in answer.json["error"]["message"]
    assert len(answer.json["error"]["message"]) < 100


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ("", None, False),
        ("", "*/*", False),
        ("", "application/json", False),
        ("", BROWSER, False),
        ("", "application/xml", False),
        ("", "text/plain", True),
        ("", "text/plain, */*;q=0.1", True),
        ("", "application/json, text/plain;q=0.5", False),
        ("?format=text", None, True),
        ("?format=text", "application/json", True),
        ("?format=json", "text/plain", False),
    ],
)
def test_the_plain_label_is_for_who_asks(
    client: FlaskClient, espresso: bytes, query: str, accept: str | None, text: bool
) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = client.post(f"/predict{query}", headers=headers, **form("file", espresso))
    if text:
        assert (answer.mimetype, answer.text) == ("text/plain", "espresso")
    else:
        assert (answer.mimetype, answer.json) == ("application/json", CLASS)


def test_an_unknown_format_is_refused(client: FlaskClient, espresso: bytes) -> None:
    answer = client.post("/predict?format=xml", data=espresso)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["message"] == "format must be text or json, not 'xml'."


@pytest.mark.parametrize("path", ["/predict", "/", "/upload"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b'{"image": []}', 400),
        (b'{"image": ""}', 400),
        (b"text", 415),
        (b"\xff\xd8\xff damage", 422),
        (b'{"image": [%s"MQ=="]}' % (16 * b'"MQ==",'), 413),
    ],
)
def test_what_is_no_picture_is_refused(
    client: FlaskClient, path: str, body: bytes, status: int
) -> None:
    answer = client.post(path, data=body)
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["success"] is False


@pytest.mark.parametrize(("field", "content"), [("photo", b"x"), ("image", b"")])
def test_a_form_without_picture_is_refused(client: FlaskClient, field: str, content: bytes) -> None:
    assert client.post("/predict", **form(field, content)).status_code == 400


def test_one_bad_picture_among_good_ones_is_refused(client: FlaskClient, espresso: bytes) -> None:
    answer = client.post("/predict", **form("image", espresso, espresso[:3000]))
    assert answer.status_code == 422


def test_the_settings_bound_the_number_of_pictures(
    settings: Settings, classifier: Classifier, espresso: bytes
) -> None:
    client = create_app(replace(settings, max_pictures=1), classifier).test_client()
    assert client.post("/predict", **form("image", espresso)).status_code == 200
    assert client.post("/predict", **form("image", espresso, espresso)).status_code == 413
