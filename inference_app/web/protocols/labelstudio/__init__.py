"""Label Studio's ML backends: pre-annotations for its tasks, under /label-studio.

What Label Studio asks for is in its `label_studio/ml/api_connector.py`, and what it makes of the
answers in `label_studio/ml/models.py`.
"""

from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request

from inference_app.errors import RequestError
from inference_app.model.classifier import Answer
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.json_body import parse
from inference_app.web.protocols.labelstudio.label_config import LabelConfig
from inference_app.web.protocols.labelstudio.tasks import read_tasks
from inference_app.web.state import current_state
from inference_app.web.upload import read_body

bp = Blueprint("labelstudio", __name__, url_prefix="/label-studio")

MAX_BODY = 1_000_000  # bytes, of requests without tasks: they are read before any admission


class _Setup(msgspec.Struct):
    schema: str


class _Validate(msgspec.Struct):
    config: str


def shape(problem: Problem) -> dict[str, Any]:
    """Return the shape of errors in Label Studio's own backends."""
    return {"status": problem.status, "detail": problem.message}


error_handlers.register(bp, shape)


@bp.get("/health")
def health() -> Response:
    """Say that the server can classify."""
    return jsonify(status="UP", model_class=journey.ready_model().name)


@bp.post("/setup")
def setup() -> Response:
    """Check that a project's choices are classes of the model, and name its version."""
    _check(parse(_small_body(), _Setup).schema)
    return jsonify(model_version=_version())


@bp.post("/validate")
def validate() -> Response:
    """Check the same of a label config."""
    _check(parse(_small_body(), _Validate).config)
    return jsonify({})


@bp.post("/train")
@bp.post("/webhook")
def learn() -> Response:
    """Say that nothing is learned from annotations."""
    _small_body()
    return jsonify(status="ok", result={}, model_version=_version())


@bp.post("/predict")
def predict() -> Response:
    """Choose for each task: ``{"results": [{"model_version", "score", "result": [...]}, ...]}``.

    A task whose picture failed gets an empty list, which Label Studio takes for no prediction.
    """
    tasks, answers = journey.classify(read_tasks, fetches=True)
    return jsonify(results=[_prediction(each, tasks.config) for each in tasks.in_order(answers)])


def _prediction(answer: Answer | RequestError, config: LabelConfig) -> Any:
    if isinstance(answer, RequestError):
        return []
    chosen, score = config.choose(answer)
    return {"model_version": _version(), "score": score, "result": [chosen]}


def _check(text: str) -> None:
    LabelConfig.parse(text).match(journey.ready_model().labels)


def _version() -> str:
    model = journey.ready_model()
    return f"{model.name} {model.digest}"


def _small_body() -> bytes:
    current_state().api_keys.check(request)
    request.max_content_length = MAX_BODY
    return read_body(request)
