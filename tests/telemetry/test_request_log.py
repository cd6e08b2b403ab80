"""The JSON lines of the log, and the headers that tie an answer to its line."""

import json
import logging
import re
import sys
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from inference_app.telemetry.request_log import JsonFormatter, logging_config

NEW_ID = re.compile(r"[0-9a-f]{32}")


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    """Make a log record of 2001-09-09, 01:46:40.123 UTC."""
    made = logging.LogRecord("some.logger", logging.WARNING, "x.py", 1, message, arguments, None)
    made.created, made.msecs = 1_000_000_000.123, 123.0
    vars(made).update(more)
    return made


def fields(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return what the one line about a request says."""
    (line,) = [each for each in caplog.records if each.name == "inference_app.request"]
    said: dict[str, Any] = vars(line)["fields"]
    return said


def test_a_record_is_one_line_of_json() -> None:
    line = JsonFormatter().format(record("hello %s", "wörld\nnext", process=7))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2001-09-09T01:46:40.123Z",
        "level": "warning",
        "logger": "some.logger",
        "message": "hello wörld\nnext",
        "pid": 7,
    }


def test_times_are_utc_wherever_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        line = json.loads(JsonFormatter().format(record("hello")))
    time.tzset()
    assert line["time"] == "2001-09-09T01:46:40.123Z"


def test_fields_are_part_of_the_line() -> None:
    line = json.loads(JsonFormatter().format(record("request", fields={"status": 200})))
    assert line["status"] == 200
    assert "fields" not in line


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: broken")
    assert "Traceback" in json.loads(line)["exception"]


def test_everything_is_logged_to_stdout() -> None:
    config = logging_config("debug")
    assert config["root"] == {"level": "DEBUG", "handlers": ["stdout"]}
    assert config["handlers"]["stdout"]["stream"] == "ext://sys.stdout"
    assert config["formatters"]["json"] == {"()": JsonFormatter}
    assert config["disable_existing_loggers"] is False


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


def test_every_answer_carries_its_times(client: FlaskClient, espresso: bytes) -> None:
    header = client.post("/predict", data=espresso).headers["Server-Timing"]
    names = [part.split(";dur=")[0] for part in header.split(", ")]
    assert names == ["read", "queue", "decode", "infer", "total"]
    assert all(float(part.split(";dur=")[1]) > 0 for part in header.split(", "))


@pytest.mark.parametrize("path", ["/", "/nothing", "/livez"])
def test_no_answer_may_be_sniffed(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_a_prediction_is_logged(
    client: FlaskClient, espresso: bytes, caplog: pytest.LogCaptureFixture
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
        "pictures": 1,
    }


def test_a_refusal_is_logged_with_its_reason(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.post("/predict", data=b"text")
    said = fields(caplog)
    assert (said["status"], said["error"]) == (415, "unsupported_picture")


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
