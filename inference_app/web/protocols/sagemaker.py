"""SageMaker's hosting of containers: GET /ping and POST /invocations.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html. What goes in
and out is as in Hugging Face's containers there, or as in the built-in image classifier:
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html.
"""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from inference_app.errors import RequestError
from inference_app.model.classifier import Answer
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.protocols import huggingface
from inference_app.web.responses import JSON

bp = Blueprint("sagemaker", __name__)

BUILT_IN = "application/x-image"  # which clients of the built-in image classifier alone send
JSON_LINES = "application/jsonlines"


def shape(problem: Problem) -> dict[str, Any]:
    """Return the shape of errors in containers of the multi-model server, Hugging Face's too."""
    return {"code": problem.status, "type": problem.type, "message": problem.message}


error_handlers.register(bp, shape)


@bp.get("/ping")
def ping() -> Response:
    """Say that the server can classify."""
    journey.ready_model()
    return jsonify(status="Healthy")


@bp.post("/invocations")
def invoke() -> Response:
    """Classify a picture: ``[{"label", "score"}, ...]``, or the scores of all classes."""
    inputs, answers = journey.classify(huggingface.read)
    lines = request.accept_mimetypes.best_match([JSON, JSON_LINES], JSON) == JSON_LINES
    if not lines and request.mimetype != BUILT_IN:
        return jsonify(huggingface.ranked(inputs, answers))
    scores = _scores(answers[0])
    if lines:
        return Response(json.dumps({"prediction": scores}) + "\n", mimetype=JSON_LINES)
    return jsonify(scores)


def _scores(answer: Answer | RequestError) -> list[float]:
    if isinstance(answer, RequestError):
        raise answer
    scores: list[float] = answer.scores.tolist()
    return scores
