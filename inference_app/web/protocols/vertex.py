"""Vertex AI's custom containers, and the schemas of its image classification.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements; the schemas are
instance, params and prediction/image_classification_1.0.0.yaml in Google's aiplatform schemas.
"""

from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
from flask import Blueprint, Flask, Request, Response, jsonify
from flask.blueprints import BlueprintSetupState

from inference_app.errors import BadRequest, RequestError
from inference_app.model.classifier import Answer
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.json_body import check_count, parse, read_pictures
from inference_app.web.state import state_of
from inference_app.web.upload import read_body

bp = Blueprint("vertex", __name__)


class _Instance(msgspec.Struct):
    b64: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()


class _Parameters(msgspec.Struct, rename="camel"):
    max_predictions: Annotated[int, msgspec.Meta(ge=1)] = 5
    confidence_threshold: float = 0.0


class _Body(msgspec.Struct):
    instances: list[_Instance]
    parameters: _Parameters | None = None


@dataclass(frozen=True)
class Instances:
    """A request's pictures, and how many predictions of what score each is to get."""

    pictures: list[bytes]
    parameters: _Parameters


def shape(problem: Problem) -> dict[str, Any]:
    """Return the shape of Google's errors: https://google.aip.dev/193."""
    return {"error": {"code": problem.status, "message": problem.message}}


error_handlers.register(bp, shape)


@bp.record
def add_routes(setup: BlueprintSetupState) -> None:
    """Add the paths that the platform names."""
    settings = state_of(cast(Flask, setup.app)).settings
    setup.add_url_rule(settings.aip_health_route, view_func=health)
    setup.add_url_rule(settings.aip_predict_route, view_func=predict, methods=["POST"])


def health() -> Response:
    """Say that the server can classify."""
    journey.ready_model()
    return jsonify(status="healthy")


def predict() -> Response:
    """Classify pictures: ``{"predictions": [{"ids", "displayNames", "confidences"}, ...]}``."""
    upload, answers = journey.classify(_read)
    return jsonify(predictions=[_prediction(each, upload.parameters) for each in answers])


def _prediction(answer: Answer | RequestError, parameters: _Parameters) -> dict[str, Any]:
    if isinstance(answer, RequestError):
        raise answer
    ranking = answer.top(parameters.max_predictions)
    ranking = [each for each in ranking if each.score >= parameters.confidence_threshold]
    return {
        "ids": [each.class_id for each in ranking],
        "displayNames": [each.name for each in ranking],
        "confidences": [each.score for each in ranking],
    }


def _read(request: Request, max_pictures: int) -> Instances:
    body = parse(read_body(request), _Body)
    if not body.instances:
        raise BadRequest("The request has no instances.")
    check_count(len(body.instances), max_pictures)
    pictures = [_picture(instance) for instance in body.instances]
    return Instances(pictures, body.parameters or _Parameters())


def _picture(instance: _Instance) -> bytes:
    text = bytes(instance.b64) or bytes(instance.content)
    if not text:
        raise BadRequest('Each instance must be {"b64": "<base64>"}, or have it as content.')
    (picture,) = read_pictures(text, "b64", 1)
    return picture
