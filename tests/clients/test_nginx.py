"""Clients of Hugging Face and TorchServe through NGINX: what passes, and what it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.clients.environment import run_newman, run_node
from tests.clients.postman import collection, variables
from tests.conftest import ESPRESSO
from tests.stack.fronted import Fronted, fronted

MODEL = "resnet-tiny-imagenet"
TOO_LARGE = "The request is larger than 1 MB. Send a smaller picture."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    folder = tmp_path_factory.mktemp("stack")
    with fronted(folder, "inference_app", WORKERS="1", MAX_UPLOAD_MB="1") as stack:
        yield stack


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Make a file that NGINX refuses."""
    (tmp_path / "large").write_bytes(bytes(1_100_000))
    return tmp_path / "large"


def test_newman(stack: Fronted, tmp_path: Path) -> None:
    url = f"{stack.url}/predictions/{MODEL}"
    expected = requests.put(url, ESPRESSO.read_bytes(), timeout=30).json()
    (tmp_path / "collection.json").write_text(json.dumps(collection(ESPRESSO)))
    values = {"url": stack.url, "model": MODEL, "expected": expected, "token": "none"}
    folder = str(ESPRESSO.parent)
    run_newman(tmp_path / "collection.json", "--working-dir", folder, *variables(values))


def test_python_s_client_of_hugging_face(stack: Fronted, large: Path) -> None:
    client = InferenceClient(model=stack.url)
    assert client.image_classification(ESPRESSO, top_k=1)[0].label == "espresso"
    with pytest.raises(HfHubHTTPError, match=f"\n{TOO_LARGE}") as refused:
        client.image_classification(large)
    assert refused.value.response.json() == {"error": TOO_LARGE}


def test_javascript_s_client_of_hugging_face(stack: Fronted, large: Path) -> None:
    for path in ("/?top_k=1", f"/models/{MODEL}"):
        url = stack.url + path
        assert json.loads(run_node("huggingface.mjs", url, str(ESPRESSO)))[0]["label"] == "espresso"
        assert TOO_LARGE in json.loads(run_node("huggingface.mjs", url, str(large)))["error"]


def test_a_refusal_has_the_shape_that_torchserves_clients_know(stack: Fronted, large: Path) -> None:
    url = f"{stack.url}/predictions/{MODEL}"
    refused = requests.post(url, large.read_bytes(), timeout=30)
    expected = {"code": 413, "type": "InternalServerException", "message": TOO_LARGE}
    assert (refused.status_code, refused.json()) == (413, expected)


def test_a_form_at_the_root_is_refused_in_our_own_shape(stack: Fronted, large: Path) -> None:
    refused = requests.post(stack.url, files={"image": large.read_bytes()}, timeout=30).json()
    assert (refused["success"], refused["error"]["message"]) == (False, TOO_LARGE)
