"""TorchServe's clients: requests, and newman with a collection of Postman's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.clients.conftest import KEY, Unready
from tests.clients.environment import run_newman
from tests.clients.postman import collection, variables
from tests.conftest import ESPRESSO
from tests.support.server import Server

MODEL = "resnet-tiny-imagenet"


def newman(folder: Path, url: str, expected: dict[str, float], token: str = "none") -> str:  # noqa: S107
    """Run the collection against a server."""
    file = folder / "collection.json"
    file.write_text(json.dumps(collection(ESPRESSO)))
    values: dict[str, Any] = {"url": url, "model": MODEL, "expected": expected, "token": token}
    return run_newman(file, "--working-dir", str(ESPRESSO.parent), *variables(values))


@pytest.fixture(scope="module")
def expected(server: Server) -> dict[str, float]:
    """Return the five best scores by /predict, with names as in the class index."""
    url = f"{server.url}/predict?top_k=5"
    ranking = requests.post(url, ESPRESSO.read_bytes(), timeout=30).json()["predictions"]
    names = [each["label"].split(",")[0].replace(" ", "_") for each in ranking]
    return dict(zip(names, [each["score"] for each in ranking], strict=True))


def test_newman_s_requests_are_answered(
    server: Server, tmp_path: Path, expected: dict[str, float]
) -> None:
    printed = newman(tmp_path, server.url, expected)
    assert re.search(r"assertions\D+7\D+0\D", printed), printed


def test_other_scores_fail_the_collection(
    server: Server, tmp_path: Path, expected: dict[str, float]
) -> None:
    """It would notice a wrong score, and a missing class."""
    for wrong in (expected | {"espresso": 0.5}, expected | {"tea": 0.1}):
        with pytest.raises(AssertionError, match="AssertionError"):
            newman(tmp_path, server.url, wrong)


def test_a_token_is_an_api_key(locked: Server, tmp_path: Path, expected: dict[str, float]) -> None:
    newman(tmp_path, locked.url, expected, KEY)
    url = f"{locked.url}/predictions/{MODEL}"
    refused = requests.post(url, ESPRESSO.read_bytes(), timeout=30)
    assert refused.status_code == 401
    assert refused.json()["type"] == "InvalidKeyException"


def test_a_server_that_is_not_ready_says_so_once(unready: Unready) -> None:
    """Curl and requests, which TorchServe's documents use, do not try again by themselves."""
    answer = requests.post(f"{unready.url}/predictions/{MODEL}", b"any", timeout=30)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["type"] == "ServiceUnavailableException"
    assert unready.paths == [f"/predictions/{MODEL}"]
