"""Each request that two protocols have a route for goes to the one that it is for."""

import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.web.protocols.overlaps import OVERLAPS
from tests.support.readme import table_rows


def test_every_overlap_is_in_the_table(app: Flask) -> None:
    """A pair of routes that nobody thought of would be the first one's, without a word."""
    routes = Counter(
        f"{method} {rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )
    assert {route for route, count in routes.items() if count > 1} <= set(OVERLAPS)


def test_the_document_has_the_same_table() -> None:
    rows = {row[0].strip("`") for row in table_rows("docs/protocols.md")}
    assert set(OVERLAPS) <= rows


@pytest.mark.parametrize("spoken", [True, False])
def test_a_form_at_the_root_is_a_legacy_clients(
    settings: Settings, classifier: Classifier, espresso: bytes, spoken: bool
) -> None:
    settings = settings if spoken else replace(settings, protocols=())
    client = create_app(settings, classifier).test_client()
    answer = client.post("/", data={"image": (io.BytesIO(espresso), "photo.jpg")})
    assert answer.json == {"class_id": "n07920052", "class_name": "espresso"}
    refusal = client.post("/", data={}, content_type="multipart/form-data")
    assert json.loads(refusal.text)["success"] is False


def test_all_else_at_the_root_is_hugging_faces(client: FlaskClient, espresso: bytes) -> None:
    answer = json.loads(client.post("/", data=espresso).text)
    assert answer[0]["label"] == "espresso"
    assert set(json.loads(client.post("/", data=b"text").text)) == {"error"}


def test_without_hugging_faces_the_root_is_the_legacy_clients(
    settings: Settings, classifier: Classifier, espresso: bytes
) -> None:
    client = create_app(replace(settings, protocols=("torchserve",)), classifier).test_client()
    assert json.loads(client.post("/", data=espresso).text)["class_name"] == "espresso"


@pytest.mark.parametrize(
    "protocols", [("torchserve",), ("sagemaker",), ("sagemaker", "torchserve")]
)
def test_a_ping_is_answered_the_same_whoever_asks(
    settings: Settings, classifier: Classifier, protocols: tuple[str, ...]
) -> None:
    spoken = replace(settings, protocols=protocols)
    assert create_app(spoken, classifier).test_client().get("/ping").json == {"status": "Healthy"}
    not_ready = create_app(spoken).test_client().get("/ping")
    assert not_ready.status_code == 503
    assert set(json.loads(not_ready.text)) == {"code", "type", "message"}


@pytest.mark.parametrize("route", ["/vertex/predict", "/predict"])
def test_predict_is_ours_unless_vertex_ai_names_it(
    settings: Settings, classifier: Classifier, espresso: bytes, route: str
) -> None:
    client = create_app(replace(settings, aip_predict_route=route), classifier).test_client()
    answer = json.loads(client.post("/predict", data=espresso).text)
    assert set(answer) == ({"error"} if route == "/predict" else {"success", "response"})
