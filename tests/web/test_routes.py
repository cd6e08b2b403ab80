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
from tests.model.test_image import png_header

RESNET = {"success": True, "response": {"statusCode": 200, "body": '"espresso"'}}
CLASS = {"class_id": "n07920052", "class_name": "espresso"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


def form(field: str, *pictures: bytes) -> dict[str, Any]:
    """Return a multipart form."""
    return {"data": {field: [(io.BytesIO(picture), "photo.jpg") for picture in pictures]}}


def test_the_greeting_is_json_for_a_client_that_accepts_json_alone(client: FlaskClient) -> None:
    response = client.get("/", headers={"Accept": "application/json"})
    assert response.json is not None
    assert response.json["message"] == "no input image"
    assert response.json["predict"] == "http://localhost/predict"
    assert "Accept" in response.headers["Vary"]


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json, text/plain, */*", ""])
def test_the_greeting_is_text_for_others(client: FlaskClient, accept: str) -> None:
    assert client.get("/", headers={"Accept": accept}).mimetype == "text/plain"


def test_the_greeting_says_what_to_do(client: FlaskClient) -> None:
    response = client.get("/", base_url="http://pictures.example:5000")
    assert response.status_code == 200
    assert response.mimetype == "text/plain"
    assert "server is running" in response.text
    assert "http://pictures.example:5000/predict" in response.text


@pytest.mark.parametrize(
    ("path", "field", "expected"),
    [
        ("/predict", "image", RESNET),
        ("/", "image", CLASS),
        ("/", "file", CLASS),
        ("/upload", "file", CLASS),
        ("/upload", "image", CLASS),
    ],
)
def test_the_route_and_the_field_decide_the_format(
    client: FlaskClient, espresso: bytes, path: str, field: str, expected: dict[str, Any]
) -> None:
    response = client.post(path, **form(field, espresso))
    assert (response.status_code, response.json) == (200, expected)


def test_the_body_may_be_the_picture(client: FlaskClient, espresso: bytes) -> None:
    assert client.post("/predict", data=espresso).json == RESNET


def test_json_may_hold_the_picture(client: FlaskClient, espresso: bytes) -> None:
    body = {"image": base64.b64encode(espresso).decode()}
    assert client.post("/predict", json=body).json == RESNET


def test_several_pictures_have_results_in_their_order(client: FlaskClient, espresso: bytes) -> None:
    orange = (SAMPLES / "orange.jpg").read_bytes()
    response = client.post("/predict", **form("image", espresso, orange, espresso)).json
    assert response is not None
    labels = [json.loads(each["response"]["body"]) for each in response["results"]]
    assert labels == ["espresso", "orange", "espresso"]


@pytest.mark.parametrize(("top_k", "count"), [("1", 1), ("5", 5), ("100000", 200)])
def test_top_k_adds_the_ranking(
    client: FlaskClient, espresso: bytes, top_k: str, count: int
) -> None:
    response = client.post(f"/predict?top_k={top_k}", data=espresso).json
    assert response is not None
    ranking = response.pop("predictions")
    assert response == RESNET
    assert len(ranking) == count
    assert ranking[0] == {
        "class_id": "n07920052",
        "label": "espresso",
        "score": ranking[0]["score"],
    }
    assert [each["score"] for each in ranking] == sorted(
        (each["score"] for each in ranking), reverse=True
    )


@pytest.mark.parametrize(
    ("path", "query", "accept", "expected"),
    [
        # The plain-label system: the bare class name, unless a client asks for JSON.
        ("/predict", "", None, "espresso"),
        ("/predict", "", "*/*", "espresso"),
        ("/predict", "", "text/plain", "espresso"),
        ("/predict", "", "application/json, text/plain, */*", "espresso"),
        ("/predict", "", BROWSER, "espresso"),
        ("/predict", "", "application/xml", "espresso"),
        ("/predict", "", "application/json", CLASS),
        ("/predict", "", "application/json, text/plain;q=0.5", CLASS),
        ("/predict", "?format=json", None, CLASS),
        ("/predict", "?format=json", "text/plain", CLASS),
        ("/predict", "?format=text", "application/json", "espresso"),
        # The others: JSON, unless a client asks for text.
        ("/upload", "", None, CLASS),
        ("/upload", "", "*/*", CLASS),
        ("/upload", "", "application/json", CLASS),
        ("/upload", "", BROWSER, CLASS),
        ("/upload", "", "application/xml", CLASS),
        ("/upload", "", "application/json, text/plain, */*", CLASS),
        ("/upload", "", "text/plain", "espresso"),
        ("/upload", "", "text/plain, */*;q=0.1", "espresso"),
        ("/upload", "?format=text", None, "espresso"),
        ("/upload", "?format=json", "text/plain", CLASS),
    ],
)
def test_the_client_may_choose_text_or_json(
    client: FlaskClient,
    espresso: bytes,
    path: str,
    query: str,
    accept: str | None,
    expected: str | dict[str, Any],
) -> None:
    headers = {"Accept": accept} if accept else {}
    response = client.post(path + query, headers=headers, **form("file", espresso))
    if isinstance(expected, str):
        assert (response.mimetype, response.text) == ("text/plain", expected)
    else:
        assert (response.mimetype, response.json) == ("application/json", expected)


def test_a_ranking_is_json_also_for_the_plain_label_system(
    client: FlaskClient, espresso: bytes
) -> None:
    response = client.post("/predict?top_k=2", **form("file", espresso)).json
    assert response is not None
    assert len(response.pop("predictions")) == 2
    assert response == CLASS


@pytest.mark.parametrize(
    ("query", "says"), [("format=xml", "not 'xml'"), ("top_k=0", "not '0'"), ("topk=3", "top_k?")]
)
def test_a_bad_parameter_is_refused_before_any_work(
    settings: Settings, query: str, says: str
) -> None:
    not_ready = create_app(settings).test_client()
    response = not_ready.post(f"/predict?{query}", data=b"not looked at")
    assert response.status_code == 400
    assert response.json is not None
    assert says in response.json["error"]["message"]
    assert "read" not in response.headers["Server-Timing"]


@pytest.mark.parametrize("path", ["/predict", "/upload"])
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
    response = client.post(path, data=body)
    assert response.status_code == status
    assert response.json is not None
    assert response.json["success"] is False


@pytest.mark.parametrize(("field", "content"), [("photo", b"x"), ("image", b"")])
def test_a_form_without_picture_is_refused(client: FlaskClient, field: str, content: bytes) -> None:
    assert client.post("/predict", **form(field, content)).status_code == 400


@pytest.mark.parametrize(
    ("bad", "type_"),
    [
        (b"", "bad_request"),
        (b"text", "unsupported_picture"),
        (b"\xff\xd8\xff damage", "damaged_picture"),
        (png_header(30_000, 30_000), "too_large"),
    ],
)
def test_a_bad_picture_among_good_ones_costs_only_its_own_result(
    client: FlaskClient, espresso: bytes, bad: bytes, type_: str
) -> None:
    body = {"image": [base64.b64encode(data).decode() for data in (espresso, bad, espresso)]}
    response = client.post("/predict", json=body)
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["success"] is False
    first, second, third = response.json["results"]
    assert first == third == RESNET
    assert second["error"]["type"] == type_
    assert second["error"]["message"].startswith("Picture 2 of 3: ")
    assert second["error"]["request_id"] == response.headers["X-Request-ID"]


def test_an_error_that_is_not_a_picture_s_ends_the_request(
    settings: Settings, classifier: Classifier, espresso: bytes
) -> None:
    client = create_app(replace(settings, deadline=0), classifier).test_client()
    assert client.post("/predict", **form("image", b"text", espresso)).status_code == 504


def test_the_settings_bound_the_number_of_pictures(
    settings: Settings, classifier: Classifier, espresso: bytes
) -> None:
    client = create_app(replace(settings, max_pictures=1), classifier).test_client()
    assert client.post("/predict", **form("image", espresso)).status_code == 200
    assert client.post("/predict", **form("image", espresso, espresso)).status_code == 413
