"""The Open Inference Protocol: what is wrong with a request is said, in the protocol's shape."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.web.protocols.inference import HEADER, MODEL, SIZE, ask, elements, request

FLAT = [0.5] * SIZE


def changed(**fields: Any) -> dict[str, Any]:
    """Return a request with a flat tensor, of which some fields are others."""
    body = request(FLAT, (1, 128, 128, 3), "UINT8")
    body["inputs"][0] |= fields
    return body


Wrong = tuple[Callable[[], tuple[object, bytes | None]], str]
NO_TENSOR = "The JSON is not what this path takes"
LAYOUT = r"must be BYTES \[N\] or UINT8 \[N, 128, 128, 3\] or FP32 \[N, 3, 128, 128\]"
WRONG: dict[str, Wrong] = {
    "nothing": (lambda: (b"", None), "The JSON cannot be read"),
    "a picture": (lambda: (b"\xff\xd8\xff", None), "The JSON cannot be read"),
    "a list": (lambda: ([], None), NO_TENSOR),
    "no inputs": (lambda: ({"inputs": []}, None), "one input, image"),
    "two inputs": (lambda: ({"inputs": request(["AA=="])["inputs"] * 2}, None), "one input"),
    "another input": (lambda: (changed(name="pixels"), None), "one input, image"),
    "an input of another type": (lambda: ({"inputs": {"image": 1}}, None), NO_TENSOR),
    "an id that is a number": (lambda: (request(["AA=="], id=7), None), NO_TENSOR),
    "an unknown datatype": (lambda: (changed(datatype="FP64"), None), LAYOUT),
    "no shape": (lambda: (changed(shape=None), None), LAYOUT),
    "an empty shape": (lambda: (changed(shape=[]), None), LAYOUT),
    "no pictures": (lambda: (changed(shape=[0, 128, 128, 3], data=[]), None), LAYOUT),
    "a negative number": (lambda: (changed(shape=[-1, 128, 128, 3]), None), LAYOUT),
    "fractions": (lambda: (changed(shape=[1.5, 128, 128, 3]), None), LAYOUT),
    "no batch": (lambda: (changed(shape=[128, 128, 3]), None), LAYOUT),
    "another size": (lambda: (changed(shape=[1, 64, 256, 3]), None), LAYOUT),
    "another order": (lambda: (changed(shape=[1, 3, 128, 128]), None), LAYOUT),
    "two pictures in a row": (lambda: (request(["AA=="] * 2, (1, 2)), None), LAYOUT),
    "many dimensions": (lambda: (changed(shape=[1] * 50), None), LAYOUT),
    "a long number": (lambda: (changed(shape=[1, 10**30, 128, 3]), None), LAYOUT),
    "no data": (lambda: (request(None), None), "has no data"),
    "data that is no list": (lambda: (request("AA=="), None), "has no data"),
    "too few numbers": (lambda: (changed(data=FLAT[1:]), None), "holds 49151 values"),
    "too many numbers": (lambda: (changed(data=[*FLAT, 0]), None), "holds 49153 values"),
    "a text": (lambda: (changed(data=[*FLAT[1:], "1"]), None), "must hold numbers"),
    "a null": (lambda: (changed(data=[None, *FLAT[1:]]), None), "must hold numbers"),
    "a truth": (lambda: (changed(data=[*FLAT[1:], True]), None), "must hold numbers"),
    "an empty list": (lambda: (changed(data=[[], *FLAT[1:]]), None), "must hold numbers"),
    "fractions of levels": (lambda: (changed(), None), "not whole ones from 0 to 255"),
    "too bright": (lambda: (changed(data=[256] * SIZE), None), "not whole ones from 0 to 255"),
    "too dark": (lambda: (changed(data=[-1] * SIZE), None), "not whole ones from 0 to 255"),
    "infinite": (
        lambda: (request([1e40] * SIZE, (1, 3, 128, 128), "FP32"), None),
        "not finite",
    ),
    "not a number": (
        lambda: (
            request(size=4 * SIZE, shape=(1, 3, 128, 128), datatype="FP32"),
            np.full(SIZE, np.nan, np.float32).tobytes(),
        ),
        "not finite",
    ),
    "too few pictures": (lambda: (request(["AA=="], (2,)), None), "not 2 elements"),
    "too many pictures": (lambda: (request(["AA=="] * 2), None), "not 1 elements"),
    "no base64": (lambda: (request(["*"]), None), "must be base64"),
    "too few bytes": (
        lambda: (request(size=SIZE - 1, shape=(1, 128, 128, 3), datatype="UINT8"), bytes(SIZE - 1)),
        "has 49151 bytes; its shape says 49152",
    ),
    "bytes that are not announced": (lambda: (request(["AA=="]), b"1"), "1 bytes come after"),
    "another size than announced": (lambda: (request(size=7), bytes(6)), "6 bytes come after"),
    "a size without bytes": (lambda: (request(size=7), None), "0 bytes come after"),
    "a negative size": (lambda: (request(size=-1), b""), NO_TENSOR),
    "an element that is too long": (
        lambda: (request(size=6), b"\x09\0\0\0ab"),
        "not 1 elements",
    ),
    "an element that is too short": (
        lambda: (request(size=6), b"\x01\0\0\0ab"),
        "not 1 elements",
    ),
    "half a length": (lambda: (request(size=2), b"\0\0"), "not 1 elements"),
    "an element too few": (lambda: (request(size=6, shape=(2,)), elements(b"ab")), "not 2"),
    "an element too many": (lambda: (request(size=8), elements(b"", b"")), "not 1"),
    "an unknown output": (lambda: (request(["AA=="], outputs=[{"name": "x"}]), None), "logits and"),
    "an output twice": (
        lambda: (request(["AA=="], outputs=[{"name": "logits"}] * 2), None),
        "name each once",
    ),
    "a negative number of classes": (
        lambda: (
            request(["AA=="], outputs=[{"name": "logits", "parameters": {"classification": -1}}]),
            None,
        ),
        NO_TENSOR,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(client: FlaskClient, case: str) -> None:
    make, says = WRONG[case]
    response = ask(client, *make())
    assert response.status_code == 400
    assert response.json is not None
    assert response.json.keys() == {"error"}
    assert re.search(says, response.json["error"])


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "", "9999", "9" * 5000])
def test_a_wrong_length_of_the_json_is_refused(client: FlaskClient, length: str) -> None:
    response = client.post(f"{MODEL}/infer", data=b"{}", headers={HEADER: length})
    assert response.status_code == 400
    assert response.json is not None
    assert HEADER in response.json["error"]


def test_more_pictures_than_the_server_takes_are_refused(client: FlaskClient) -> None:
    shape, binary = (17, 128, 128, 3), bytes(17 * SIZE)
    response = ask(client, request(size=len(binary), shape=shape, datatype="UINT8"), binary)
    assert response.status_code == 413
    assert response.json == {
        "error": "The request holds 17 pictures; this server takes 16 at once."
    }


def test_a_picture_that_cannot_be_decoded_fails_its_request(
    client: FlaskClient, espresso: bytes
) -> None:
    for bad, status in ((b"text", 415), (espresso[:5000], 422), (b"", 400)):
        whole = elements(espresso, bad)
        response = ask(client, request(size=len(whole), shape=(2,)), whole)
        assert response.status_code == status
        assert response.json is not None
        assert response.json.keys() == {"error"}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_refused(client: FlaskClient, encoding: str) -> None:
    response = client.post(f"{MODEL}/infer", data=b"", headers={"Content-Encoding": encoding})
    assert response.status_code == 415
    assert response.json == {
        "error": "Compressed bodies are not taken. Send it without compression."
    }
