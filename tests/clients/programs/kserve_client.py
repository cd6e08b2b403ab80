"""Ask a server with KServe's Python client; print the answers as JSON.

Usage: kserve_client.py URL MODEL ENCODED_FILE PIXELS_FILE

The last file is an array, (N, H, W, 3), as NumPy saves it. With the variable KEY, every request
carries that API key.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL, MODEL, ENCODED, PIXELS = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"} if "KEY" in os.environ else {}


def tensor(datatype, binary):
    """Return the input, in binary or in JSON."""
    arrays = {"BYTES": np.array([Path(ENCODED).read_bytes()], object), "UINT8": np.load(PIXELS)}
    given = InferInput("image", list(arrays[datatype].shape), datatype)
    given.set_data_from_numpy(arrays[datatype], binary_data=binary)
    return given


async def infer(client, given, model=MODEL, **options):
    """Return the first output and the response's id, or the error."""
    request = InferRequest(model, [given], request_id="7", **options)
    try:
        response = await client.infer(URL, request, model_name=model, headers=dict(HEADERS))
    except httpx.HTTPStatusError as error:
        return {"status": error.response.status_code, "message": str(error)}
    (output, *_) = response.outputs
    return {"id": response.id, "output": output.as_numpy().tolist()}


async def ask(client):
    """Return all the answers."""
    in_binary = {"parameters": {"binary_data_output": True}}
    classes = RequestedOutput("scores", {"classification": 3})
    pixels = tensor("UINT8", binary=True)
    return {
        "live": await client.is_server_live(URL),
        "ready": await client.is_server_ready(URL),
        "model ready": [await client.is_model_ready(URL, each) for each in (MODEL, "other")],
        "BYTES": await infer(client, tensor("BYTES", binary=True)),
        "UINT8": await infer(client, pixels),
        "UINT8 in JSON": await infer(client, tensor("UINT8", binary=False)),
        "UINT8, binary both ways": await infer(client, pixels, **in_binary),
        "classes": await infer(client, pixels, request_outputs=[classes]),
        "another model": await infer(client, pixels, model="other"),
    }


async def failures(client):
    """Return what the client makes of a server that is not ready."""
    return {
        "model ready": await client.is_model_ready(URL, MODEL),
        "infer": await infer(client, tensor("UINT8", binary=True)),
    }


async def main():
    """Print the answers."""
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        ready = await client.is_model_ready(URL, MODEL)
        print(json.dumps(await (ask if ready else failures)(client)))


if __name__ == "__main__":
    asyncio.run(main())
