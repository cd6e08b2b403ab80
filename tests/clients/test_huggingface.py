"""Hugging Face's clients, of Python and of JavaScript, with the URL of a server as their model."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError

from tests.clients.conftest import KEY, Unready
from tests.clients.environment import run_node
from tests.conftest import ESPRESSO
from tests.support.server import Server


@pytest.fixture(scope="module")
def expected(server: Server) -> list[dict[str, Any]]:
    """Return the classes of the picture, as any HTTP client gets them."""
    answer = httpx2.post(server.url, content=ESPRESSO.read_bytes()).json()
    assert answer[0]["label"] == "espresso"
    return list(answer)


def javascript(url: str, *arguments: str | Path, **environment: str) -> Any:
    return json.loads(run_node("huggingface.mjs", url, *map(str, arguments), **environment))


@pytest.mark.parametrize("path", ["", "/", "/models/resnet-tiny-imagenet"])
def test_python_s_client_classifies(
    server: Server, expected: list[dict[str, Any]], path: str
) -> None:
    client = InferenceClient(model=server.url + path)
    for picture in (ESPRESSO.read_bytes(), ESPRESSO, str(ESPRESSO)):
        assert [vars(each) for each in client.image_classification(picture)] == expected


def test_python_s_client_sends_parameters(server: Server) -> None:
    client = InferenceClient(model=server.url)
    found = client.image_classification(ESPRESSO, top_k=2, function_to_apply="sigmoid")
    assert len(found) == 2
    assert found[0].score > 0.99


def test_python_s_client_shows_the_message(server: Server) -> None:
    with pytest.raises(HfHubHTTPError, match="not a picture") as refused:
        InferenceClient(model=server.url).image_classification(b"text")
    assert refused.value.response.status_code == 415


def test_a_zero_shot_request_is_told_what_is_wrong(server: Server) -> None:
    with pytest.raises(HfHubHTTPError, match="candidate_labels"):
        InferenceClient(model=server.url).zero_shot_image_classification(
            ESPRESSO, candidate_labels=["coffee", "tea"]
        )


def python_with_token(url: str, token: str | None) -> str:
    """Return the best label, or the status of the refusal."""
    try:
        client = InferenceClient(model=url, token=token)
        return str(client.image_classification(ESPRESSO)[0].label)
    except HfHubHTTPError as error:
        return str(error.response.status_code)


def javascript_with_token(url: str, token: str | None) -> str:
    answer = javascript(url, ESPRESSO, *([token] if token else []))
    return str(answer[0]["label"]) if isinstance(answer, list) else str(answer["error"])


def test_a_token_is_an_api_key(locked: Server) -> None:
    assert python_with_token(locked.url, KEY) == "espresso"
    assert python_with_token(locked.url, "another") == "401"
    assert javascript_with_token(locked.url, KEY) == "espresso"
    assert "API key is not a key of this server" in javascript_with_token(locked.url, "another")


def test_javascript_s_client_classifies(server: Server, expected: list[dict[str, Any]]) -> None:
    for path in ("", "/models/resnet-tiny-imagenet"):
        assert javascript(server.url + path, ESPRESSO) == expected


def test_javascript_s_client_passes_parameters_in_the_url(server: Server) -> None:
    assert len(javascript(f"{server.url}/?top_k=2", ESPRESSO)) == 2


def test_javascript_s_client_shows_the_message(server: Server, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    assert "not a picture" in javascript(server.url, tmp_path / "text")["error"]


def test_python_s_client_asks_once(unready: Unready) -> None:
    with pytest.raises(HfHubHTTPError, match="still loading") as refused:
        InferenceClient(model=unready.url).image_classification(ESPRESSO)
    assert refused.value.response.status_code == 503
    assert unready.paths == ["/"]


def test_javascript_s_client_asks_until_it_is_answered(unready: Unready) -> None:
    unready.refusals = 20
    assert javascript(unready.url, ESPRESSO)[0]["label"] == "espresso"
    assert unready.paths == ["/"] * 21


def test_javascript_s_client_can_be_told_to_ask_once(unready: Unready) -> None:
    assert "still loading" in javascript(unready.url, ESPRESSO, RETRY="no")["error"]
    assert unready.paths == ["/"]


def test_python_s_client_has_the_timeout_that_it_is_given() -> None:
    """It has none by itself, and waits for a server that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InferenceTimeoutError):
            InferenceClient(model=url, timeout=0.1).image_classification(ESPRESSO)
