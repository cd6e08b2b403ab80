"""Clients of the Open Inference Protocol: Triton's, KServe's, and docling's requests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from inference_app.model.activation import softmax
from tests.clients.conftest import KEY, Unready
from tests.clients.environment import run_python
from tests.conftest import ESPRESSO, encode
from tests.stack.fronted import fronted
from tests.support.server import Server

MODEL = "resnet-tiny-imagenet"
CLASSES = 200


@dataclass
class Pictures:
    """One picture in all forms: of the size that the model takes, so that nothing is resized."""

    encoded: Path
    pixels: Path
    normalised: Path

    def arguments(self, url: str) -> list[str]:
        """Return what Triton's program takes."""
        files = map(str, (self.encoded, self.pixels, self.normalised))
        return [url.removeprefix("http://"), MODEL, *files]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Write the picture's forms to files; of pixels there are two."""
    folder = tmp_path_factory.mktemp("pictures")
    found = Pictures(folder / "png", folder / "pixels.npy", folder / "normalised.npy")
    small = Image.open(ESPRESSO).convert("RGB").resize((128, 128))
    found.encoded.write_bytes(encode(small))
    pixels = np.stack([np.asarray(small)] * 2)
    np.save(found.pixels, pixels)
    np.save(found.normalised, normalised(pixels))
    return found


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what an image processor makes of pixels: float32, (N, 3, H, W)."""
    processor = prepared.read(BUNDLED_MODEL).preprocessing
    planes: NDArray[np.float64] = (pixels - np.array(processor.mean)) / processor.std
    return planes.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.fixture(scope="module")
def expected(server: Server, pictures: Pictures) -> dict[str, float]:
    """Return the scores of /predict, by first names."""
    picture = pictures.encoded.read_bytes()
    response = requests.post(f"{server.url}/predict?top_k=3", data=picture, timeout=60).json()
    return {each["label"].split(",")[0]: each["score"] for each in response["predictions"]}


def check(found: dict[str, Any], expected: dict[str, float]) -> None:
    """Fail unless two pictures' logits and scores are those of /predict."""
    assert "logits" in found, found
    logits, scores = (np.array(found[name]) for name in ("logits", "scores"))
    assert logits.shape == scores.shape == (2, CLASSES)
    assert np.allclose(softmax(logits), scores, atol=1e-5)
    best = np.sort(scores, axis=-1)[:, ::-1][:, : len(expected)]
    assert np.allclose(best, list(expected.values()), atol=1e-5)


def check_classes(rows: list[list[str]], expected: dict[str, float]) -> None:
    """Fail unless each row is ``score:index:label`` as /predict has it."""
    for row in rows:
        triples = [each.split(":") for each in row]
        assert {name: float(score) for score, _, name in triples} == pytest.approx(
            expected, abs=1e-5
        )
        assert triples[0][1] == "193"


@pytest.fixture(scope="module")
def found(server: Server, pictures: Pictures) -> dict[str, Any]:
    """Return what Triton's client finds."""
    answers: dict[str, Any] = ask_triton(server.url, pictures)
    return answers


def ask_triton(url: str, pictures: Pictures, **key: str) -> Any:
    """Run the program with Triton's client."""
    return json.loads(run_python("triton_client.py", *pictures.arguments(url), **key))


def ask_kserve(url: str, pictures: Pictures, **key: str) -> Any:
    """Run the program with KServe's client."""
    arguments = (url, MODEL, str(pictures.encoded), str(pictures.pixels))
    return json.loads(run_python("kserve_client.py", *arguments, **key))


def test_tritons_client(found: dict[str, Any], expected: dict[str, float]) -> None:
    assert (found["live"], found["ready"], found["model ready"]) == (
        True,
        True,
        [True, True, False],
    )
    assert found["server"]["extensions"][:2] == ["binary_tensor_data", "classification"]
    assert found["index"] == [{"name": MODEL, "version": "1", "state": "READY", "reason": ""}]
    for datatype in ("BYTES", "UINT8", "FP32"):
        for ways in ("True, True", "True, False", "False, True", "False, False"):
            check(found[f"{datatype}, {ways}"], expected)
            assert found[f"{datatype}, {ways}"]["id"] == "7"
            classes = found[f"{datatype}, {ways}, classes"]
            check_classes(classes["logits"] + classes["scores"], expected)
    first = found["UINT8, True, True"]["logits"]
    assert found["default"]["logits"] == found["asynchronous"] == first
    assert found["accepts gzip"]["logits"] == first
    for algorithm in ("gzip", "deflate"):
        assert found[algorithm]["status"] == "415"
        assert "Send it without compression" in found[algorithm]["message"]
    assert found["another output"]["status"] == "400"


def test_what_tritons_example_for_pictures_needs(found: dict[str, Any]) -> None:
    """Its `image_client.py` sends pixels in the form that metadata and configuration name."""
    (given,), (output,) = found["model"]["inputs"], found["model"]["outputs"]
    (configured,), _ = found["config"]["input"], found["config"]["output"]
    assert found["config"]["max_batch_size"] > 1
    assert len(given["shape"]) == 4
    assert (configured["format"], given["shape"][3]) == ("FORMAT_NHWC", 3)
    assert given["datatype"] == "UINT8"
    assert (output["datatype"], output["shape"]) == ("FP32", [-1, CLASSES])


def test_kserves_client(server: Server, pictures: Pictures, expected: dict[str, float]) -> None:
    found = ask_kserve(server.url, pictures)
    assert (found["live"], found["ready"], found["model ready"]) == (True, True, [True, False])
    first = np.array(found["BYTES"]["output"])
    assert softmax(first).max() == pytest.approx(max(expected.values()), abs=1e-5)
    for form in ("UINT8", "UINT8 in JSON", "UINT8, binary both ways"):
        assert np.allclose(found[form]["output"], first, atol=1e-4)
        assert found[form]["id"] == "7"
    check_classes(found["classes"]["output"], expected)
    assert found["another model"]["status"] == 404
    assert f"This server has {MODEL}" in found["another model"]["message"]


@pytest.mark.parametrize("in_binary", [True, False])
def test_the_requests_of_doclings_picture_classifier(
    server: Server, pictures: Pictures, expected: dict[str, float], in_binary: bool
) -> None:
    """Docling asks for names, sends normalised pictures to the first input, takes the softmax.

    Written after docling/models/inference_engines/common/kserve_v2_http.py: the package itself
    needs gigabytes.
    """
    url, array = f"{server.url}/v2/models/{MODEL}", np.load(pictures.normalised)
    metadata = requests.get(url, timeout=60).json()
    output = metadata["outputs"][0]["name"]
    tensor = {"name": metadata["inputs"][0]["name"], "shape": array.shape, "datatype": "FP32"}
    if in_binary:
        tensor["parameters"] = {"binary_data_size": array.nbytes}
        outputs = [{"name": output, "parameters": {"binary_data": True}}]
        head = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(head)),
        }
        response = requests.post(
            f"{url}/infer", data=head + array.tobytes(), headers=headers, timeout=60
        )
        rest = response.content[int(response.headers["Inference-Header-Content-Length"]) :]
        logits = np.frombuffer(rest, np.float32).reshape(2, -1)
    else:
        tensor["data"] = array.ravel().tolist()
        body = {"inputs": [tensor], "outputs": [{"name": output}]}
        (found,) = requests.post(f"{url}/infer", json=body, timeout=60).json()["outputs"]
        logits = np.array(found["data"], np.float32).reshape(found["shape"])
    assert logits.shape == (2, CLASSES)
    assert softmax(logits).max() == pytest.approx(max(expected.values()), abs=1e-5)


def test_an_api_key_is_honoured(locked: Server, pictures: Pictures) -> None:
    assert "output" in ask_kserve(locked.url, pictures, KEY=KEY)["UINT8"]
    assert len(ask_triton(locked.url, pictures, KEY=KEY)["default"]["logits"]) == 2
    refused = ask_triton(locked.url, pictures)["default"]
    assert (refused["status"], "no API key" in refused["message"]) == ("401", True)


def test_a_server_that_is_not_ready_is_asked_once(unready: Unready, pictures: Pictures) -> None:
    found = ask_triton(unready.url, pictures)
    assert (found["ready"], found["model ready"]) == (False, False)
    assert found["infer"]["status"] == "503"
    found = ask_kserve(unready.url, pictures)
    assert (found["model ready"], found["infer"]["status"]) == (False, 503)
    assert unready.paths.count(f"/v2/models/{MODEL}/infer") == 2


def test_tritons_client_through_nginx(
    tmp_path: Path, pictures: Pictures, expected: dict[str, float]
) -> None:
    with fronted(tmp_path, "inference_app", WORKERS="1", MAX_UPLOAD_MB="1") as stack:
        found = ask_triton(stack.url, pictures)
    check(found["FP32, True, True"], expected)
    assert found["gzip"]["status"] == "415"
    too_large = found["FP32, False, False"]  # which NGINX refuses, and the client can read
    assert too_large["status"] == "413"
    assert too_large["message"] == "The request is larger than 1 MB. Send a smaller picture."
