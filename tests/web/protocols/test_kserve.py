"""The Open Inference Protocol: metadata, and what is returned for each form of a picture."""

import base64
import json
import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.model.pixels import to_input
from tests.web.protocols.inference import (
    CLASSES,
    ESPRESSO,
    HEADER,
    MODEL,
    ask,
    elements,
    request,
    tensors,
)


@pytest.fixture
def pixels(classifier: Classifier, espresso: bytes) -> NDArray[np.uint8]:
    """Return the pixels that the model sees of a picture, (128, 128, 3)."""
    return to_input(Image.open(BytesIO(espresso)), classifier.model.preprocessing)


@pytest.fixture
def normalised(classifier: Classifier, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the model's own processor makes of these pixels, (3, 128, 128)."""
    mean, std = (np.array(getattr(classifier.model.preprocessing, k)) for k in ("mean", "std"))
    planes: NDArray[np.float32] = ((pixels - mean) / std).transpose(2, 0, 1).astype(np.float32)
    return planes


def test_health_and_metadata(client: FlaskClient) -> None:
    assert client.get("/v2").json == client.get("/v2/").json
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").json == {"ready": True}
    for path in (MODEL, f"{MODEL}/versions/1"):
        ready = client.get(f"{path}/ready").json
        assert ready == {"name": "resnet-tiny-imagenet", "ready": True}
        described, config = client.get(path).json, client.get(f"{path}/config").json
        assert described is not None
        assert described["versions"] == ["1"]
        assert described["inputs"] == [
            {"name": "image", "datatype": "UINT8", "shape": [-1, 128, 128, 3]}
        ]
        assert described["outputs"] == [
            {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]}
        ]
        assert config is not None
        assert config["max_batch_size"] == 16
        (input_,), (output,) = config["input"], config["output"]
        assert (input_["format"], input_["dims"]) == ("FORMAT_NHWC", [128, 128, 3])
        assert output == {"name": "logits", "data_type": "TYPE_FP32", "dims": [CLASSES]}


def test_a_server_without_its_model_is_live_and_not_ready(settings: Settings) -> None:
    client = create_app(settings).test_client()
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", f"{MODEL}/ready", MODEL, f"{MODEL}/config"):
        response = client.get(path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json == {"error": "The model is still loading. Try again in a moment."}


@pytest.mark.parametrize("path", ["", "/ready", "/config"])
def test_another_model_or_version_is_not_found(client: FlaskClient, path: str) -> None:
    for model in ("/v2/models/other", f"{MODEL}/versions/2"):
        response = client.get(model + path)
        assert response.status_code == 404
        assert response.json is not None
        assert "This server has resnet-tiny-imagenet" in response.json["error"]


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/models", f"{MODEL}/stats"])
def test_a_path_that_is_none_has_the_protocols_error(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json == {"error": f"There is nothing at {path}. POST a picture to /predict."}
    assert client.put(f"{MODEL}/infer").json == {
        "error": f"{MODEL}/infer does not take PUT. POST a picture to /predict."
    }


def test_each_form_of_a_picture_has_the_same_logits(
    client: FlaskClient,
    classifier: Classifier,
    espresso: bytes,
    pixels: NDArray[np.uint8],
    normalised: NDArray[np.float32],
) -> None:
    whole, text = elements(espresso), base64.b64encode(espresso).decode()
    forms: dict[str, tuple[object, bytes | None]] = {
        "BYTES": (request(size=len(whole)), whole),
        "BYTES, a batch's shape": (request(size=len(whole), shape=[1, 1]), whole),
        "BYTES in JSON": (request([text]), None),
        "BYTES in JSON, nested": (request([[text]], shape=[1, 1]), None),
    }
    arrays: dict[str, NDArray[Any]] = {"UINT8": pixels[None], "FP32": normalised[None]}
    for datatype, array in arrays.items():
        binary, shape = array.tobytes(), array.shape
        forms |= {
            datatype: (request(size=len(binary), shape=shape, datatype=datatype), binary),
            f"{datatype} in JSON": (request(array.ravel().tolist(), shape, datatype), None),
            f"{datatype} in JSON, nested": (request(array.tolist(), shape, datatype), None),
        }
    logits = {
        form: tensors(ask(client, body, binary))["logits"] for form, (body, binary) in forms.items()
    }
    first = logits["UINT8"]
    assert first.shape == (1, CLASSES)
    for form, each in logits.items():
        assert np.allclose(each, first, atol=1e-6), form


def test_logits_are_not_scores_and_scores_are_those_of_predict(
    client: FlaskClient, espresso: bytes
) -> None:
    outputs = [{"name": "logits"}, {"name": "scores"}]
    body = request([base64.b64encode(espresso).decode()], outputs=outputs, id="42")
    response = ask(client, body)
    found = tensors(response)
    assert response.json is not None
    assert {k: v for k, v in response.json.items() if k != "outputs"} == {
        "model_name": "resnet-tiny-imagenet",
        "model_version": "1",
        "id": "42",
    }
    softmax = np.exp(found["logits"]) / np.exp(found["logits"]).sum()
    assert np.allclose(found["scores"], softmax, atol=1e-6)
    predicted = client.post("/predict?top_k=1", data=espresso).json
    assert predicted is not None
    assert found["scores"].max() == pytest.approx(predicted["predictions"][0]["score"], abs=1e-6)


def test_classes_are_the_score_the_index_and_the_label(
    client: FlaskClient, espresso: bytes
) -> None:
    outputs = [{"name": "logits", "parameters": {"classification": 3}}]
    text = base64.b64encode(espresso).decode()
    found = tensors(ask(client, request([text, text], (2,), outputs=outputs)))["logits"]
    assert found.shape == (2, 3)
    predicted = client.post("/predict?top_k=3", data=espresso).json
    assert predicted is not None
    for row in found:
        for each, prediction in zip(row, predicted["predictions"], strict=True):
            score, _, label = each.split(":")
            assert float(score) == pytest.approx(prediction["score"], abs=1e-6)
            assert prediction["label"].startswith(label)
        assert row[0].split(":")[1:] == [str(ESPRESSO), "espresso"]


def test_no_more_classes_are_returned_than_there_are(client: FlaskClient, espresso: bytes) -> None:
    outputs = [{"name": "scores", "parameters": {"classification": 10**9}}]
    body = request([base64.b64encode(espresso).decode()], outputs=outputs)
    assert tensors(ask(client, body))["scores"].shape == (1, CLASSES)


def wanted(**binary: bool) -> list[dict[str, Any]]:
    """Return outputs to ask for, in binary or not."""
    return [{"name": name, "parameters": {"binary_data": one}} for name, one in binary.items()]


AS_BYTES = {"binary_data_output": True}
ASKED: list[tuple[dict[str, Any], dict[str, bool]]] = [
    ({}, {"logits": False}),
    ({"parameters": AS_BYTES}, {"logits": True}),
    ({"parameters": AS_BYTES, "outputs": [{"name": "scores"}]}, {"scores": True}),
    ({"parameters": AS_BYTES, "outputs": wanted(scores=False)}, {"scores": False}),
    ({"outputs": wanted(scores=False, logits=True)}, {"scores": False, "logits": True}),
    ({"outputs": wanted(logits=True, scores=True)}, {"logits": True, "scores": True}),
]


@pytest.mark.parametrize(("more", "expected"), ASKED)
def test_outputs_come_in_binary_where_that_is_asked_for(
    client: FlaskClient,
    pixels: NDArray[np.uint8],
    more: dict[str, Any],
    expected: dict[str, bool],
) -> None:
    binary = pixels.tobytes() * 2
    body = request(size=len(binary), shape=(2, *pixels.shape), datatype="UINT8", **more)
    response = ask(client, body, binary)
    shapes = {name: each.shape for name, each in tensors(response).items()}
    assert shapes == dict.fromkeys(expected, (2, CLASSES))
    head = json.loads(response.data[: int(response.headers.get(HEADER, len(response.data)))])
    assert {each["name"]: "data" not in each for each in head["outputs"]} == expected
    assert (response.mimetype == "application/octet-stream") == any(expected.values())
    assert (HEADER in response.headers) == any(expected.values())


def test_classes_in_binary_have_their_lengths_before_them(
    client: FlaskClient, espresso: bytes
) -> None:
    output = {"name": "scores", "parameters": {"classification": 2, "binary_data": True}}
    response = ask(client, request([base64.b64encode(espresso).decode()], outputs=[output]))
    head = int(response.headers[HEADER])
    rest, texts = response.data[head:], []
    assert json.loads(response.data[:head])["outputs"][0] == {
        "name": "scores",
        "datatype": "BYTES",
        "shape": [1, 2],
        "parameters": {"binary_data_size": len(rest)},
    }
    while rest:
        end = 4 + int.from_bytes(rest[:4], "little")
        texts.append(rest[4:end].decode())
        rest = rest[end:]
    assert [re.sub(r"0\.\d{6}:", "", each) for each in texts] == [
        f"{ESPRESSO}:espresso",
        "175:wooden spoon",
    ]


def test_null_is_as_good_as_nothing(client: FlaskClient, espresso: bytes) -> None:
    body = request([base64.b64encode(espresso).decode()], outputs=None, id=None, parameters=None)
    body["inputs"][0]["parameters"] = None
    assert tensors(ask(client, body))["logits"].argmax() == ESPRESSO
