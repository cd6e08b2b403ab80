"""The photos, and the request bodies that carry them."""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.peers.servers import Body

PHOTOS = Path("../shared/photos")
# Deciles of the sizes of 56 photos of ImageNet's, in bytes: what generated pictures imitate.
SIZES = (3_073, 20_303, 39_118, 58_654, 76_079, 103_477, 112_831, 130_459, 154_061, 187_287)
_BOUNDARY = "peers-benchmark-boundary"


def photos() -> tuple[str, list[bytes]]:
    """Return what they are, and the photos' bytes."""
    files = sorted(PHOTOS.glob("*.JPEG"))
    if files:
        return "photos", [file.read_bytes() for file in files]
    return "generated", [generate(size) for size in SIZES]


def generate(size: int) -> bytes:
    """Return a JPEG of 500 x 375 and about `size` bytes: a gradient with noise."""
    low, high = 0.0, 128.0
    for _ in range(12):
        middle = (low + high) / 2
        jpeg = _noisy(middle)
        low, high = (middle, high) if len(jpeg) < size else (low, middle)
    return jpeg


def _noisy(amount: float) -> bytes:
    rng = np.random.default_rng(0)
    gradient = np.linspace(64, 192, 500)[None, :, None] + np.zeros((375, 1, 3))
    pixels = (gradient + rng.normal(0, amount, gradient.shape)).clip(0, 255)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


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


def write(folder: Path, bodies: list[bytes]) -> Path:
    """Write the bodies to files; return the file that lists them, for rotate.lua."""
    files = [folder / f"body-{number}" for number in range(len(bodies))]
    for file, data in zip(files, bodies, strict=True):
        file.write_bytes(data)
    listing = folder / "bodies"
    listing.write_text("".join(f"{file}\n" for file in files))
    return listing


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
