"""TorchServe's inference API: https://docs.pytorch.org/serve/inference_api.html."""

from typing import Any

from flask import Blueprint, Response, jsonify

from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.upload import read_upload

bp = Blueprint("torchserve", __name__)

TOP_K = 5  # of TorchServe's image_classifier handler


def shape(problem: Problem) -> dict[str, Any]:
    """Return TorchServe's shape of errors."""
    return {"code": problem.status, "type": problem.type, "message": problem.message}


error_handlers.register(bp, shape)


@bp.get("/ping")
def ping() -> Response:
    """Say that the server can classify."""
    journey.ready_model()
    return jsonify(status="Healthy")


@bp.post("/predictions/<model>")
@bp.post("/predictions/<model>/<version>")
def predict(model: str, version: str | None = None) -> Response:  # noqa: ARG001
    """Classify a picture: ``{"tabby": 0.40, "tiger_cat": 0.35, ...}``."""
    _, answer = journey.classify_first(read_upload, model)
    return jsonify({each.class_name: each.score for each in answer.top(TOP_K)})
