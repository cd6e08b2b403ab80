"""SageMaker's hosting of containers: GET /ping and POST /invocations.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html. What goes in
and out is as in Hugging Face's containers there, or as in the built-in image classifier:
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Request, Response, jsonify, request

from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.json_body import parse, read_pictures
from inference_app.web.responses import JSON
from inference_app.web.upload import read_body, read_upload

bp = Blueprint("sagemaker", __name__)

TOP_K = 5  # of Hugging Face's containers
BUILT_IN = "application/x-image"  # which clients of the built-in image classifier alone send
JSON_LINES = "application/jsonlines"


class _Parameters(msgspec.Struct):
    top_k: Annotated[int, msgspec.Meta(ge=1)] = TOP_K


class _Body(msgspec.Struct):
    inputs: msgspec.Raw
    parameters: _Parameters | None = None


@dataclass(frozen=True)
class Invocation:
    """One picture, and how many classes to list."""

    pictures: list[bytes]
    top_k: int = TOP_K


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
    invocation, answer = journey.classify_first(_read)
    if request.accept_mimetypes.best_match([JSON, JSON_LINES], JSON) == JSON_LINES:
        line = json.dumps({"prediction": answer.scores.tolist()})
        return Response(line + "\n", mimetype=JSON_LINES)
    if request.mimetype == BUILT_IN:
        return jsonify(answer.scores.tolist())
    ranking = answer.top(invocation.top_k)
    return jsonify([{"label": each.label, "score": each.score} for each in ranking])


def _read(request: Request, _max_pictures: int) -> Invocation:
    if request.mimetype != JSON:
        return Invocation(read_upload(request, 1).pictures)
    body = parse(read_body(request), _Body)
    top_k = (body.parameters or _Parameters()).top_k
    return Invocation(read_pictures(bytes(body.inputs), "inputs", 1), top_k)
