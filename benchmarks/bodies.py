"""The request bodies that carry a picture."""

import base64
import json
from pathlib import Path
from typing import Literal

Body = Literal["multipart", "raw", "v2"]

LISTING = "bodies"
_BOUNDARY = "peers-benchmark-boundary"


def encode(photo: bytes, body: Body, field: str) -> bytes:
    """Return the request body that carries a photo."""
    if body == "multipart":
        return _multipart(photo, field)
    return photo if body == "raw" else _v2(photo)


def content_type(body: Body) -> str:
    """Return the Content-Type that goes with `encode`."""
    types = {
        "multipart": f"multipart/form-data; boundary={_BOUNDARY}",
        "raw": "image/jpeg",
        "v2": "application/json",
    }
    return types[body]


def write(folder: Path, bodies: list[bytes]) -> None:
    """Write the bodies to files of a new folder, and LISTING, which names them for rotate.lua."""
    folder.mkdir()
    files = [folder / f"body-{number}" for number in range(len(bodies))]
    for file, data in zip(files, bodies, strict=True):
        file.write_bytes(data)
    (folder / LISTING).write_text("".join(f"{file}\n" for file in files))


def _multipart(photo: bytes, field: str) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; '
        'filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    return head.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _v2(photo: bytes) -> bytes:
    """Open Inference Protocol, https://kserve.github.io/website/docs/concepts/architecture."""
    tensor = {
        "name": "image",
        "shape": [1, 1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(photo).decode()],
    }
    return json.dumps({"inputs": [tensor]}).encode()
