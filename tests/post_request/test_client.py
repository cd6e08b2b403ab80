"""The client library."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client import Client, PredictError, Prediction, Result, ServerAwayError, predict_url

from tests.conftest import ESPRESSO, REPO
from tests.post_request.command import FOLDER, environment
from tests.post_request.planned import BROKEN, TABBY, Reply, Server, refusal, success
from tests.support import server as real

KEY = "a-key-of-the-tests"


def ask(url: str, picture: str | Path | bytes = b"picture", **options: Any) -> Result:
    with Client(url, **options) as client:
        return client.predict(picture)


# A real server


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "keys.txt").write_text(f"{KEY}\n")
    with real.serving(folder, WORKERS="1", API_KEYS_FILE=folder / "keys.txt") as server:
        yield server


def test_a_result_is_typed(real_server: real.Server) -> None:
    with Client(real_server.url, api_key=KEY) as client:
        result = client.predict(ESPRESSO, top_k=3)
    assert result.label == "espresso"
    assert result.model == "resnet-tiny-imagenet"
    assert len(result.predictions) == 3
    best = result.predictions[0]
    assert best == Prediction("n07920052", "espresso", best.score)
    assert [each.score for each in result.predictions] == sorted(
        (each.score for each in result.predictions), reverse=True
    )
    assert real_server.log(request_id=result.request_id)


def test_a_path_and_its_bytes_are_the_same(real_server: real.Server) -> None:
    pictures: list[str | Path | bytes] = [ESPRESSO, str(ESPRESSO), ESPRESSO.read_bytes()]
    path, text, data = (ask(real_server.url, each, api_key=KEY) for each in pictures)
    assert path.predictions == text.predictions == data.predictions
    assert len(data.predictions) == 5


def test_an_error_has_the_server_s_message(real_server: real.Server) -> None:
    with pytest.raises(PredictError) as caught:
        ask(real_server.url, ESPRESSO.read_bytes()[:5000], api_key=KEY)
    error = caught.value
    assert (error.status, error.type) == (422, "damaged_picture")
    (line,) = real_server.log(request_id=error.request_id)
    assert line["status"] == 422
    assert str(error) == f"422 {error.message} (request_id {error.request_id})"
    assert error.body["error"]["message"] == error.message


@pytest.mark.parametrize("key", [None, f"{KEY}-not"])
def test_without_its_key_the_server_refuses(real_server: real.Server, key: str | None) -> None:
    with pytest.raises(PredictError, match=r"401 The request.* API key"):
        ask(real_server.url, ESPRESSO, api_key=key)


# The key


def test_a_key_goes_before_a_password_in_netrc(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    ask(server.url, api_key=KEY)
    assert [seen.authorization for seen in server.seen] == [f"Bearer {KEY}"]


@pytest.mark.parametrize("key", ["a key\nX-Other: header", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="an API key holds only ASCII characters"):
        Client("http://host", api_key=key)


# Retries


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("3600", 10)])
def test_three_tries_with_bounded_waits(
    server: Server, waits: list[float], status: int, asked: str, waited: int
) -> None:
    server.plans["picture"] = [refusal(status, "busy", Retry_After=asked)]
    with pytest.raises(PredictError, match=rf"^{status} busy \(request_id r-1\)$"):
        ask(server.url)
    assert len(server.seen) == 3
    assert waits == [waited, waited]


def test_the_caller_sets_the_number_of_retries(server: Server, waits: list[float]) -> None:
    server.plans["picture"] = [refusal(503, "busy", Retry_After="1")]
    with pytest.raises(PredictError):
        ask(server.url, retries=0)
    assert (len(server.seen), waits) == (1, [])


@pytest.mark.parametrize("status", [400, 413, 422, 500, 504])
def test_other_failures_are_not_retried(server: Server, waits: list[float], status: int) -> None:
    server.plans["picture"] = [refusal(status, "no", Retry_After="1")]
    with pytest.raises(PredictError) as caught:
        ask(server.url)
    assert caught.value.status == status
    assert (len(server.seen), waits) == (1, [])


def test_a_connection_that_ends_without_a_response_is_retried(server: Server) -> None:
    server.plans["picture"] = [BROKEN, TABBY]
    assert ask(server.url).label == "tabby, tabby cat"
    assert [seen.data for seen in server.seen] == [b"picture", b"picture"]


def test_a_missing_server_is_tried_three_times(no_server: str, waits: list[float]) -> None:
    with pytest.raises(ServerAwayError, match=f"^no server at {no_server}/predict$"):
        ask(no_server)
    assert waits == [1]  # the first time at once


def test_a_timeout_is_not_retried(server: Server, waits: list[float]) -> None:
    server.held = {"picture"}
    with pytest.raises(PredictError, match=r"no response from the server: .*timeout=0\.2"):
        ask(server.url, timeout=0.2)
    assert (len(server.seen), waits) == (1, [])


def test_a_server_without_tls_is_not_retried(server: Server, waits: list[float]) -> None:
    with pytest.raises(PredictError, match="SSL") as caught:
        ask(server.url.replace("http:", "https:"))
    assert caught.value.status is None
    assert waits == []


# Responses


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"success": false}',
        success("cat", success=False).body,
        b'{"success": true, "response": {"body": "no json"}}',
        b'{"success": true, "response": []}',
        success("cat", predictions=None).body,
        success("cat", predictions={"score": 1}).body,
        success("cat", predictions=[{"class_id": "n1", "label": "cat", "score": "high"}]).body,
    ],
)
def test_a_response_without_a_prediction_is_an_error(server: Server, body: bytes) -> None:
    server.plans["picture"] = [Reply(200, body)]
    with pytest.raises(PredictError, match=r"^200 unexpected response: {"):
        ask(server.url)


def test_a_plain_error_text_is_understood(server: Server) -> None:
    server.plans["picture"] = [Reply(404, b'{"error": "gone"}')]
    with pytest.raises(PredictError, match=r"^404 gone"):
        ask(server.url)


def test_an_unreadable_picture_raises(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(server.url, tmp_path / "gone.jpg")


# Addresses


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://host", "http://host/predict"),
        ("http://host/", "http://host/predict"),
        ("http://host/predict", "http://host/predict"),
        ("http://host/predict/", "http://host/predict"),
        ("https://host:8443/base", "https://host:8443/base/predict"),
        ("host:8080", "http://host:8080/predict"),
    ],
)
def test_predict_url(text: str, url: str) -> None:
    assert predict_url(text) == url


@pytest.mark.parametrize("text", ["", "http://", "ftp://host", "http://host:x", "http://host:0"])
def test_predict_url_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        predict_url(text)


# Where it is imported from


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        (REPO, "from post_request.client import Client"),
        (FOLDER, "from client import Client"),
        (FOLDER, "from post_request import Client"),
    ],
)
def test_it_can_be_imported(folder: Path, line: str) -> None:
    check = f"{line}; print(Client('host').url)"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("http://host/predict\n", "")


def test_it_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_bytes((FOLDER / "client.py").read_bytes())
    check = [sys.executable, "-c", "from client import Client"]
    done = subprocess.run(check, cwd=tmp_path, env=environment(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
