"""Ask a server all that Triton's Python client can ask about pictures; print the answers as JSON.

Usage: triton_client.py HOST:PORT MODEL ENCODED_FILE PIXELS_FILE NORMALISED_FILE

The two last files are arrays, (N, H, W, 3) and (N, 3, H, W), as NumPy saves them. With the variable
KEY, every request carries that API key.
"""

import base64
import json
import os
import sys
from itertools import product
from pathlib import Path

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

ADDRESS, MODEL, ENCODED, PIXELS, NORMALISED = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"} if "KEY" in os.environ else {}
CLIENT = InferenceServerClient(ADDRESS)
INPUTS = {
    "BYTES": np.array([Path(ENCODED).read_bytes()] * 2, object),
    "UINT8": np.load(PIXELS),
    "FP32": np.load(NORMALISED),
}


def tensor(datatype, binary):
    """Return the input, in binary or in JSON."""
    array = INPUTS[datatype]
    if datatype == "BYTES" and not binary:
        array = np.array([base64.b64encode(each) for each in array], object)
    given = InferInput("image", list(array.shape), datatype)
    return given.set_data_from_numpy(array, binary_data=binary)


def infer(given, outputs=None, **options):
    """Return the outputs by their names, or the error."""
    try:
        result = CLIENT.infer(MODEL, [given], outputs=outputs, headers=dict(HEADERS), **options)
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    response = result.get_response()
    arrays = {each["name"]: result.as_numpy(each["name"]) for each in response["outputs"]}
    return {name: decoded(array) for name, array in arrays.items()} | {"id": response.get("id")}


def infer_later(given):
    """Return the logits that the client's asynchronous method gets."""
    waiting = CLIENT.async_infer(MODEL, [given], headers=dict(HEADERS))
    try:
        return waiting.get_result().as_numpy("logits").tolist()
    except InferenceServerException as error:
        return error.status()


def decoded(array):
    """Return an array as JSON holds it."""
    if array.dtype != np.object_:
        return array.tolist()
    return [[each.decode() if isinstance(each, bytes) else each for each in row] for row in array]


def asked(binary, classes=0):
    """Return a request for both outputs."""
    return [InferRequestedOutput(name, binary, classes) for name in ("logits", "scores")]


def about():
    """Return what the client asks about a server and its model."""
    return {
        "live": CLIENT.is_server_live(),
        "ready": CLIENT.is_server_ready(),
        "model ready": [CLIENT.is_model_ready(MODEL, version) for version in ("", "1", "2")],
        "server": CLIENT.get_server_metadata(),
        "model": CLIENT.get_model_metadata(MODEL),
        "config": CLIENT.get_model_config(MODEL, "1"),
        "index": CLIENT.get_model_repository_index(),
    }


def answers():
    """Return the answers for each form of the input and of the outputs."""
    found = {}
    for datatype, in_binary, out_binary in product(INPUTS, (True, False), (True, False)):
        given = tensor(datatype, in_binary)
        name = f"{datatype}, {in_binary}, {out_binary}"
        found[name] = infer(given, asked(out_binary), request_id="7")
        found[f"{name}, classes"] = infer(given, asked(out_binary, 3))
    return found | {
        "default": infer(tensor("UINT8", binary=True)),
        "asynchronous": infer_later(tensor("UINT8", binary=True)),
        "gzip": infer(tensor("UINT8", binary=True), request_compression_algorithm="gzip"),
        "deflate": infer(tensor("UINT8", binary=True), request_compression_algorithm="deflate"),
        "accepts gzip": infer(tensor("UINT8", binary=True), response_compression_algorithm="gzip"),
        "another output": infer(tensor("UINT8", binary=True), [InferRequestedOutput("softmax")]),
    }


def failures():
    """Return what the client makes of a server that is not ready: statuses, and no answer."""
    return {
        "ready": CLIENT.is_server_ready(),
        "model ready": CLIENT.is_model_ready(MODEL),
        "infer": infer(tensor("UINT8", binary=True)),
    }


if __name__ == "__main__":
    found = about() | answers() if CLIENT.is_server_ready() else failures()
    print(json.dumps(found))
