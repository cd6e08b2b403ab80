"""Metrics for Prometheus: what all workers have counted, and how full they are.

Each worker counts in memory-mapped files of its own (prometheus_client's multiprocess mode), in the
folder PROMETHEUS_MULTIPROC_DIR, which `serve` makes; without one, a process tells of itself alone.
The files bear the worker's number, not its process id: its successor counts on in them, so a dead
worker's counts are kept, and workers that die one after the other leave nothing to pile up.
"""

import os

from flask import Blueprint, Response, request
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from inference_app.model.classifier import Observer
from inference_app.model.prepared import PreparedModel
from inference_app.telemetry.context import current
from inference_app.version import __version__

bp = Blueprint("metrics", __name__)

SHARED = "PROMETHEUS_MULTIPROC_DIR" in os.environ
_owner = "arbiter"  # whose files this process counts in: Gunicorn's first process, or a worker
if SHARED:  # before the first metric is made
    values.ValueClass = values.MultiProcessValue(lambda: _owner)  # type: ignore[no-untyped-call]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUESTS = Counter(
    "inference_app_requests",
    "Requests answered, by route, status, and the error's type if it was one.",
    ("route", "status", "error"),
)
_STAGE_SECONDS = Histogram(
    "inference_app_stage_seconds",
    "Seconds of each stage of the requests that were admitted.",
    ("stage",),
    buckets=SECONDS,
)
for _stage in ("read", "queue", "decode", "infer", "total"):
    _STAGE_SECONDS.labels(_stage)  # is there from the start, at 0
BATCH_PICTURES = Histogram(
    "inference_app_batch_pictures", "Pictures in each batch.", buckets=(1, 2, 4, 8, 16)
)
IN_FLIGHT = Gauge(
    "inference_app_requests_in_flight",
    "Requests that were admitted and not answered yet.",
    multiprocess_mode="livesum",
)
_IN_FLIGHT_LIMIT = Gauge(
    "inference_app_requests_in_flight_limit",
    "Requests that the workers admit at a time; more are refused.",
    multiprocess_mode="livesum",
)
_WAITING = Gauge(
    "inference_app_pictures_waiting",
    "Pictures that wait for a stage; for infer, as of the last batch's end.",
    ("stage",),
    multiprocess_mode="livesum",
)
WAITING_TO_DECODE, WAITING_TO_INFER = _WAITING.labels("decode"), _WAITING.labels("infer")
_WORKERS = Gauge("inference_app_workers", "Workers that are ready.", multiprocess_mode="livesum")
_RESTARTS = Counter(
    "inference_app_worker_restarts", "Workers that ended, other than by a swap, and were replaced."
)
_MODEL = Gauge(
    "inference_app_model_info",
    "The model that is served, its hash, revision and precision, and the server's version.",
    ("name", "hash", "revision", "precision", "version"),
    multiprocess_mode="livemax",
)

_exposed = REGISTRY
if SHARED:
    _exposed = CollectorRegistry()
    MultiProcessCollector(_exposed)  # type: ignore[no-untyped-call]


@bp.get("/metrics")
def expose() -> Response:
    """Answer with the metrics, in the version of the format that the client prefers."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(_exposed), content_type=content_type)


def count(response: Response) -> Response:
    """Count a request that ends, and the time of its stages if it was admitted."""
    # Of a path or method that is not served, strangers choose the name: they count as one.
    context = current()
    route = f"{request.method} {request.url_rule.rule}" if request.url_rule else "unknown"
    _REQUESTS.labels(route, response.status_code, context.error_type or "").inc()
    if context.timing.stages:
        for stage, milliseconds in context.timing.so_far().items():
            _STAGE_SECONDS.labels(stage).observe(milliseconds / 1000)
    return response


def observer() -> Observer:
    """Return what tells these metrics how full the model is."""
    return Observer(BATCH_PICTURES.observe, WAITING_TO_INFER.set, WAITING_TO_DECODE.inc)


def count_as_worker(number: int) -> None:
    """Let this process, just forked, count as worker `number`; no other that lives has it."""
    global _owner
    _owner = str(number)


def worker_ready(model: PreparedModel, in_flight_limit: int) -> None:
    """Count this worker as one that serves `model`, to so many requests at a time."""
    revision = model.manifest.get("source", {}).get("revision") or ""
    labels = model.name, model.digest, revision, model.precision, __version__
    _MODEL.labels(*labels).set(1)
    _IN_FLIGHT_LIMIT.set(in_flight_limit)
    _WORKERS.set(1)


def worker_ended(number: int, *, expected: bool) -> None:
    """Forget how full worker `number` was, and count its end unless it was `expected`."""
    if not expected:
        _RESTARTS.inc()
    if SHARED:
        mark_process_dead(number)  # type: ignore[no-untyped-call]
