"""What a stranger sends to a protocol's routes is refused in its shape of errors, or answered."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.hostile import messages, pictures
from tests.hostile.case import SURVIVES
from tests.hostile.json_bodies import JSON_BODIES

JSON = "application/json"
MAKERS = (pictures.truncated, pictures.flipped, pictures.bombs, pictures.kinds)


@dataclass(frozen=True)
class Route:
    """A route that takes pictures.

    `wrap` makes a body of a picture, as the protocol's client does; `is_error` knows its shape of
    errors. A body that is JSON names its picture by `key`.
    """

    path: str
    wrap: Callable[[bytes], bytes]
    is_error: Callable[[Any], bool]
    content_type: str = "application/octet-stream"
    key: str | None = None

    def post(
        self, client: FlaskClient, picture: bytes, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """Send a picture as the protocol's client does."""
        return client.post(
            self.path, data=self.wrap(picture), content_type=self.content_type, headers=headers
        )


def in_base64(picture: bytes) -> str:
    """Return a picture as JSON holds it."""
    return base64.b64encode(picture).decode()


def in_inputs(picture: bytes) -> bytes:
    """Wrap a picture as InferenceClient does when there are parameters."""
    return json.dumps({"inputs": in_base64(picture)}).encode()


def is_huggingface_error(body: Any) -> bool:
    """Tell by the key of Hugging Face's errors."""
    return set(body) == {"error"} and isinstance(body["error"], str)


def is_torchserve_error(body: Any) -> bool:
    """Tell by the keys of TorchServe's errors."""
    return set(body) == {"code", "type", "message"}


def as_crop(picture: bytes) -> bytes:
    """Return a body as PhotoPrism sends it."""
    return json.dumps(
        {"id": "1", "images": ["data:image/jpeg;base64," + in_base64(picture)]}
    ).encode()


LABEL_CONFIG = """<View>
  <Image name="picture" value="$image"/>
  <Choices name="kind" toName="picture">
    <Choice value="espresso"/><Choice value="flagpole"/>
  </Choices>
</View>"""


def as_task(picture: bytes) -> bytes:
    """Return a body as Label Studio sends it, with a picture that it does not have itself."""
    task = {"data": {"image": "data:image/jpeg;base64," + in_base64(picture)}}
    return json.dumps({"tasks": [task], "label_config": LABEL_CONFIG}).encode()


def as_instance(picture: bytes) -> bytes:
    """Return a body as Vertex AI passes it on."""
    return json.dumps({"instances": [{"b64": in_base64(picture)}]}).encode()


def is_kserve_error(body: Any) -> bool:
    """Tell by the only key of the Open Inference Protocol's errors, and its type."""
    return set(body) == {"error"} and isinstance(body["error"], str)


def kserve_body(picture: bytes) -> bytes:
    """Return an inference request with one picture."""
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [in_base64(picture)]}
    return json.dumps({"inputs": [tensor]}).encode()


ROUTES = {
    "huggingface": Route("/", in_inputs, is_huggingface_error, "application/json", "inputs"),
    "huggingface, raw": Route("/", bytes, is_huggingface_error, key="inputs"),
    "kserve": Route(
        "/v2/models/resnet-tiny-imagenet/infer", kserve_body, is_kserve_error, key="inputs"
    ),
    "labelstudio": Route(
        "/label-studio/predict",
        as_task,
        lambda body: set(body) == {"status", "detail"},
        JSON,
        "tasks",
    ),
    "photoprism": Route(
        "/api/v1/vision/labels",
        as_crop,
        lambda body: set(body) == {"id", "code", "error"},
        JSON,
        "images",
    ),
    "sagemaker": Route("/invocations", bytes, is_torchserve_error),
    "sagemaker, JSON": Route(
        "/invocations",
        lambda picture: json.dumps({"inputs": in_base64(picture)}).encode(),
        is_torchserve_error,
        JSON,
        "inputs",
    ),
    "vertex": Route(
        "/vertex/predict",
        as_instance,
        lambda body: set(body["error"]) == {"code", "message"},
        JSON,
        "instances",
    ),
    "torchserve": Route("/predictions/resnet-tiny-imagenet", bytes, is_torchserve_error),
}


@cache
def hostile_pictures() -> dict[str, bytes]:
    """Return a few of each kind in the corpus: all of it is for /predict."""
    cases = [list(make()) for make in MAKERS]
    return {case.name: case.body for each in cases for case in each[:: max(1, len(each) // 8)]}


def harm(client: FlaskClient, route: Route, body: bytes) -> str:
    """Send a body; return what is wrong with the response, or nothing."""
    response = client.post(route.path, data=body, content_type=route.content_type)
    if response.status_code not in SURVIVES:
        return f"{response.status_code} {response.text[:100]}"
    if response.status_code != 200 and not route.is_error(response.json):
        return f"another shape: {response.text[:100]}"
    return ""


@pytest.mark.parametrize("name", ROUTES)
def test_no_picture_harms_a_route(client: FlaskClient, name: str) -> None:
    route = ROUTES[name]
    bodies = {case: route.wrap(picture) for case, picture in hostile_pictures().items()}
    wrong = {case: found for case, body in bodies.items() if (found := harm(client, route, body))}
    assert wrong == {}


@pytest.mark.parametrize("name", ROUTES)
def test_no_text_harms_a_route(client: FlaskClient, name: str) -> None:
    """JSON that is broken, deep, of many values, or holds anything but pictures."""
    route = ROUTES[name]
    key = json.dumps(route.key or "image").encode()
    bodies = {case.name: case.body.replace(b'"image"', key) for case in messages.encoded()}
    bodies |= {kind: make(100_000).replace(b'"image"', key) for kind, make in JSON_BODIES.items()}
    wrong = {case: found for case, body in bodies.items() if (found := harm(client, route, body))}
    assert wrong == {}
