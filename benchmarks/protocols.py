"""What other servers' protocols cost: their throughput, against /predict's for the same bytes.

The stack serves the bundled model, with which an adapter's share of a request is largest. A
protocol and its baseline are measured one right after the other, first the one and then the other,
in many short rounds, so that the ratios hold on a machine whose speed drifts. Where others use the
machine too, the least that the app takes around decoding and inference tells more.
"""

import base64
import io
import json
import math
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import bodies, machine, ours, pictures, processes, stubbed, wrk
from benchmarks.serving import Plan, Running
from inference_app.app import create_app
from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.pixels import to_input

CLIENTS, FEW = 16, 8
MODEL = prepared.read(BUNDLED_MODEL)
HEAD = (
    400  # bytes of JSON before tensors, filled up with blanks, so that all bodies have one header
)
OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}

Figures = dict[str, float]


@dataclass(frozen=True)
class Way:
    """A way to send a picture: where to, what is made of its bytes, and what it is compared to."""

    path: str
    encode: Callable[[bytes], bytes] = bytes
    headers: Mapping[str, str] = field(default_factory=lambda: OCTETS)
    baseline: str = "/predict, raw"


def as_json(before: str, after: str, photo: bytes) -> bytes:
    """Return a body of JSON with the photo in base64 between two texts."""
    return f"{before}{base64.b64encode(photo).decode()}{after}".encode()


def as_tensor(datatype: str, output: dict[str, Any], photo: bytes) -> bytes:
    """Return an inference request of the Open Inference Protocol, with the tensor in binary."""
    shape, binary = _tensor(datatype, photo)
    tensor = {
        "name": "image",
        "shape": shape,
        "datatype": datatype,
        "parameters": {"binary_data_size": len(binary)},
    }
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return head.ljust(HEAD) + binary


def as_numbers(output: dict[str, Any], photo: bytes) -> bytes:
    """Return an inference request with normalised pixels in JSON."""
    shape, binary = _tensor("FP32", photo)
    numbers = np.frombuffer(binary, np.float32).tolist()
    tensor = {"name": "image", "shape": shape, "datatype": "FP32", "data": numbers}
    return json.dumps({"inputs": [tensor], "outputs": [output]}).encode()


def _tensor(datatype: str, photo: bytes) -> tuple[list[int], bytes]:
    """Return the shape and the bytes of a photo as a tensor."""
    if datatype == "BYTES":
        return [1], len(photo).to_bytes(4, "little") + photo
    processor = MODEL.preprocessing
    pixels = to_input(Image.open(io.BytesIO(photo)), processor)[np.newaxis]
    if datatype == "UINT8":
        return list(pixels.shape), pixels.tobytes()
    planes = ((pixels - np.array(processor.mean)) / processor.std).transpose(0, 3, 1, 2)
    return list(planes.shape), planes.astype(np.float32).tobytes()


INFER = f"/v2/models/{MODEL.name}/infer"
BINARY = OCTETS | {"Inference-Header-Content-Length": str(HEAD)}
BEST = {"name": "scores", "parameters": {"classification": 1}}
LOGITS = {"name": "logits", "parameters": {"binary_data": True}}
WAYS = {
    "/predict, raw": Way("/predict"),
    "/predict, base64": Way("/predict", partial(as_json, '{"image":"', '"}'), JSON),
    "Hugging Face, raw": Way("/"),
    "Hugging Face, base64": Way(
        "/", partial(as_json, '{"inputs":"', '"}'), JSON, "/predict, base64"
    ),
    "TorchServe, raw": Way(f"/predictions/{MODEL.name}"),
    "SageMaker, raw": Way("/invocations", headers={"Content-Type": "application/x-image"}),
    "Vertex AI, base64": Way(
        "/vertex/predict",
        partial(as_json, '{"instances":[{"b64":"', '"}]}'),
        JSON,
        "/predict, base64",
    ),
    "PhotoPrism, base64": Way(
        "/api/v1/vision/labels",
        partial(as_json, '{"images":["data:image/jpeg;base64,', '"]}'),
        JSON,
        "/predict, base64",
    ),
    "V2, BYTES, base64": Way(
        INFER, lambda photo: bodies.encode(photo, "v2", "image"), JSON, "/predict, base64"
    ),
    "V2, BYTES, binary": Way(INFER, partial(as_tensor, "BYTES", BEST), BINARY),
    "V2, BYTES, binary, logits": Way(INFER, partial(as_tensor, "BYTES", LOGITS), BINARY),
    "V2, UINT8, binary, logits": Way(INFER, partial(as_tensor, "UINT8", LOGITS), BINARY),
    "V2, FP32, binary, logits": Way(INFER, partial(as_tensor, "FP32", LOGITS), BINARY),
    "V2, FP32, numbers in JSON": Way(INFER, partial(as_numbers, LOGITS), JSON),
}


class Stack:
    """The stack, and bodies of a few photos for each way."""

    def __init__(self, running: Running, photos: list[bytes], folder: Path, seconds: int) -> None:
        self._running, self._seconds = running, seconds
        self._site = running.url.removesuffix("/predict")
        self._listings = {}
        for number, (name, way) in enumerate(WAYS.items()):
            bodies.write(folder / str(number), [way.encode(photo) for photo in photos])
            self._listings[name] = folder / str(number) / bodies.LISTING

    def load(self, name: str) -> Figures:
        """Return the images/s of a way, and the CPU time that NGINX and the app take for each."""
        way, before = WAYS[name], self._cpu_seconds()
        url, listing = self._site + way.path, self._listings[name]
        load = wrk.run(url, listing, way.headers, CLIENTS, self._seconds)
        if load.errors:
            raise RuntimeError(f"{name}: {load.errors} of {load.answers} requests failed")
        cpu_ms = 1000 * (self._cpu_seconds() - before) / load.answers
        return {"images_per_s": load.images_per_s, "cpu_ms": round(cpu_ms, 3)}

    def _cpu_seconds(self) -> float:
        running = self._running
        return processes.cpu_seconds(processes.family(running.process.pid, running.mark))


def measure(rounds: int, seconds: int) -> dict[str, Any]:
    """Return the figures of each way and of its baseline, and the medians of their ratios."""
    kind, photos = pictures.photos()
    few = photos[:: max(1, len(photos) // FEW)][:FEW]
    plan = Plan(BUNDLED_MODEL, BUNDLED_MODEL, few, (CLIENTS,), seconds)
    found: dict[str, list[dict[str, Figures]]] = {
        name: [] for name, way in WAYS.items() if name != way.baseline
    }
    with tempfile.TemporaryDirectory() as scratch, ours.warmed_up(plan) as running:
        stack = Stack(running, few, Path(scratch), seconds)
        for number in range(rounds):
            for name, rows in found.items():
                order = [name, WAYS[name].baseline][:: 1 if number % 2 else -1]
                figures = {each: stack.load(each) for each in order}
                rows.append({"way": figures[name], "baseline": figures[WAYS[name].baseline]})
    return {
        "machine": machine.facts(),
        "model": MODEL.name,
        "pictures": kind,
        "ways": {name: summary(WAYS[name], rows) for name, rows in found.items()},
        "around_us": around(few[0]),
    }


def around(photo: bytes, repeats: int = 300) -> dict[str, float]:
    """Return the least microseconds that the app takes without decoding and inference, by way."""
    # Spawned: the stubs stay in there.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_around, photo, repeats).result()


def _around(photo: bytes, repeats: int) -> dict[str, float]:
    stubbed.stub()
    settings = Settings(inference_threads=1)
    client = create_app(settings, Classifier.load(settings)).test_client()
    sent = {name: way.encode(photo) for name, way in WAYS.items()}
    least = dict.fromkeys(WAYS, math.inf)
    order = [*WAYS] * repeats
    random.Random(0).shuffle(order)  # noqa: S311 a large request empties the caches for the next
    for name in order:
        start = time.perf_counter()
        client.post(WAYS[name].path, data=sent[name], headers=dict(WAYS[name].headers))
        least[name] = min(least[name], time.perf_counter() - start)
    return {name: round(1e6 * seconds, 1) for name, seconds in least.items()}


def summary(way: Way, rows: list[dict[str, Figures]]) -> dict[str, Any]:
    """Return the medians, over the rounds, of a way's figures as fractions of its baseline's."""
    ratios = {
        figure: statistics.median(row["way"][figure] / row["baseline"][figure] for row in rows)
        for figure in ("images_per_s", "cpu_ms")
    }
    return {
        "baseline": way.baseline,
        "images/s": round(ratios["images_per_s"], 3),
        "CPU time": round(ratios["cpu_ms"], 3),
        "rounds": rows,
    }


def table(results: dict[str, Any]) -> str:
    """Return a line for each way: figures as fractions of its baseline's, and us beyond it."""
    around_us = results["around_us"]
    return "\n".join(
        f"{name:26} {row['images/s']:6.3f} {row['CPU time']:6.3f} "
        f"{around_us[name] - around_us[row['baseline']]:+7.0f} us of {row['baseline']}"
        for name, row in results["ways"].items()
    )
