"""Inference requests of the Open Inference Protocol, and what their responses hold."""

import json
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from numpy.typing import NDArray
from werkzeug.test import TestResponse

MODEL = "/v2/models/resnet-tiny-imagenet"
ESPRESSO, CLASSES = 193, 200
HEADER = "Inference-Header-Content-Length"
SIZE = 128 * 128 * 3


def ask(client: FlaskClient, body: object, binary: bytes | None = None) -> TestResponse:
    """Send an inference request, with bytes after it where there are some."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if binary is None else {HEADER: str(len(text))}
    return client.post(f"{MODEL}/infer", data=text + (binary or b""), headers=headers)


def request(
    data: Any = None, shape: Any = (1,), datatype: str = "BYTES", **more: Any
) -> dict[str, Any]:
    """Return an inference request; without data its size in bytes is expected in `more`."""
    tensor: dict[str, Any] = {"name": "image", "shape": list(shape), "datatype": datatype}
    size = more.pop("size", None)
    tensor |= {"data": data} if size is None else {"parameters": {"binary_data_size": size}}
    return {"inputs": [tensor], **more}


def elements(*parts: bytes) -> bytes:
    """Return a BYTES tensor's elements in binary."""
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def tensors(response: TestResponse) -> dict[str, NDArray[Any]]:
    """Return the outputs of a response by their names, of strings as their bytes."""
    assert response.status_code == 200, response.text
    head = int(response.headers.get(HEADER, len(response.data)))
    outputs, rest = json.loads(response.data[:head])["outputs"], response.data[head:]
    found = {}
    for each in outputs:
        if "data" in each:
            data = np.array(each["data"], object if each["datatype"] == "BYTES" else np.float32)
        else:
            size = each["parameters"]["binary_data_size"]
            data, rest = np.frombuffer(rest[:size], np.float32), rest[size:]
        found[each["name"]] = data.reshape(each["shape"])
    assert rest == b""
    return found
