"""The line of each request, and the headers that tie a response to it."""

import logging
import re
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from inference_app.model.classifier import Classifier
from tests.conftest import ESPRESSO

PICTURE = ESPRESSO.read_bytes()
NEW_ID = re.compile(r"[0-9a-f]{32}")


def fields(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return what the one line about a request says."""
    (line,) = [each for each in caplog.records if each.name == "inference_app.request"]
    said: dict[str, Any] = vars(line)["fields"]
    return said


@pytest.mark.parametrize("asked", ["a", "Client_1.2-x", "x" * 64])
def test_a_client_may_choose_its_request_id(client: FlaskClient, asked: str) -> None:
    assert client.get("/", headers={"X-Request-ID": asked}).headers["X-Request-ID"] == asked


@pytest.mark.parametrize("asked", ["", "x" * 65, "a b", 'a"b', "a/b", "é", "a,b", "{}", "a\tb"])
def test_a_strange_request_id_is_replaced(client: FlaskClient, asked: str) -> None:
    given = client.get("/", headers={"X-Request-ID": asked}).headers["X-Request-ID"]
    assert NEW_ID.fullmatch(given)


def test_each_request_without_an_id_gets_its_own(client: FlaskClient) -> None:
    ids = {client.get("/").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_every_response_carries_its_times(client: FlaskClient, espresso: bytes) -> None:
    header = client.post("/predict", data=espresso).headers["Server-Timing"]
    names = [part.split(";dur=")[0] for part in header.split(", ")]
    assert names == ["read", "queue", "decode", "infer", "total"]
    assert all(float(part.split(";dur=")[1]) > 0 for part in header.split(", "))


@pytest.mark.parametrize("path", ["/", "/nothing", "/livez"])
def test_no_response_may_be_sniffed(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_a_prediction_is_logged(
    client: FlaskClient,
    classifier: Classifier,
    espresso: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client.post("/predict?top_k=2", data=espresso, headers={"X-Request-ID": "abc"})
    said = fields(caplog)
    assert set(said.pop("ms")) == {"read", "queue", "decode", "infer", "total"}
    assert said == {
        "request_id": "abc",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "bytes": len(espresso),
        "model": classifier.model.digest,
        "pictures": 1,
    }


def test_a_refusal_is_logged_with_its_reason(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.post("/predict", data=b"text")
    said = fields(caplog)
    assert (said["status"], said["error"]) == (415, "unsupported_picture")
    assert said["reason"].startswith("This is not a picture")


@pytest.mark.parametrize(
    ("request_", "summary"),
    [
        ({"data": PICTURE}, r"POST /predict 200 \d+ ms espresso"),
        (
            {"data": {"image": [(BytesIO(PICTURE), "a"), (BytesIO(PICTURE), "b")]}},
            r"POST /predict 200 \d+ ms 2 pictures",
        ),
        ({"data": b"text"}, r"POST /predict 415 \d+ ms unsupported_picture"),
        ({"path": "/%1b%0a%e2%80%ae", "method": "GET"}, "GET /\x1b\n\u202e 404 \\d+ ms not_found"),
        ({"path": "/labels", "method": "GET"}, r"GET /labels 200 \d+ ms"),
    ],
)
def test_a_request_is_summed_up(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, request_: dict[str, Any], summary: str
) -> None:
    caplog.set_level(logging.INFO)
    client.open(**{"path": "/predict", "method": "POST", **request_})
    (line,) = [each for each in caplog.records if each.name == "inference_app.request"]
    assert re.fullmatch(summary, vars(line)["summary"])


def test_a_long_reason_is_cut_off(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/" + "a" * 5000)
    assert len(fields(caplog)["reason"]) == 300


@pytest.mark.parametrize(
    ("path", "level"), [("/livez", "DEBUG"), ("/readyz", "DEBUG"), ("/", "INFO")]
)
def test_probes_are_logged_for_debugging_only(
    app: Flask, caplog: pytest.LogCaptureFixture, path: str, level: str
) -> None:
    caplog.set_level(logging.DEBUG)
    app.test_client().get(path)
    levels = [each.levelname for each in caplog.records if each.name == "inference_app.request"]
    assert levels == [level]
