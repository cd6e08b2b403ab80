"""TorchServe's inference API, for its image_classifier handler, and what its management API tells.

https://docs.pytorch.org/serve/inference_api.html and management_api.html there.
"""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Request, Response, jsonify

from inference_app.errors import BadRequest
from inference_app.model.classifier import Prediction
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.form import read_form
from inference_app.web.json_body import check_count, read_pictures
from inference_app.web.state import current_state
from inference_app.web.upload import Upload, read_body

bp = Blueprint("torchserve", __name__)

TOP_K = 5  # of the image_classifier handler
METHODS = ["POST", "PUT"]  # PUT by `curl -T photo.jpg`, as its documents show
FIELDS = ("data", "body")  # of forms, as its vision handlers look for them
EXCEPTIONS = {
    "bad_request": "BadRequestException",
    "model_not_found": "ModelNotFoundException",
    "not_ready": "ServiceUnavailableException",
    "overloaded": "ServiceUnavailableException",
    "timeout": "RequestTimeoutException",
    "unauthorized": "InvalidKeyException",
}


def shape(problem: Problem) -> dict[str, Any]:
    """Return TorchServe's shape of errors, with the name of its exception."""
    exception = EXCEPTIONS.get(problem.type, "InternalServerException")
    return {"code": problem.status, "type": exception, "message": problem.message}


error_handlers.register(bp, shape)


@bp.get("/ping")
def ping() -> Response:
    """Say that the server can classify."""
    journey.ready_model()
    return jsonify(status="Healthy")


@bp.route("/predictions/<model>", methods=METHODS)
@bp.route("/predictions/<model>/<version>", methods=METHODS)
def predict(model: str, version: str | None = None) -> Response:  # noqa: ARG001
    """Classify a picture: ``{"tabby": 0.40, "tiger_cat": 0.35, ...}``."""
    _, answer = journey.classify_first(read, model)
    return jsonify(flat(answer.top(TOP_K)))


@bp.get("/models")
def models() -> Response:
    """List the model."""
    return jsonify(models=[_item(journey.ready_model().name)])


@bp.get("/models/<model>")
@bp.get("/models/<model>/<version>")
def describe(model: str, version: str | None = None) -> Response:  # noqa: ARG001
    """Describe the model, with all workers ready: others accept no connections."""
    served, workers = journey.ready_model(model), current_state().settings.workers
    ready = {"status": "READY", "gpu": False}
    description = {
        "modelVersion": served.digest,
        "runtime": "python",
        "minWorkers": workers,
        "maxWorkers": workers,
        "loadedAtStartup": True,
        "workers": [{"id": str(number)} | ready for number in range(workers)],
    }
    return jsonify([_item(served.name) | description])


def read(request: Request, _max_pictures: int) -> Upload:
    """Read the picture: a body, base64 as a JSON string, or a form's field; raises BadRequest."""
    body, boundary = read_body(request), request.mimetype_params.get("boundary", "")
    pictures = [body] if body else []
    if request.mimetype == "multipart/form-data":
        _, pictures = read_form(body, boundary, FIELDS)
    elif body.startswith(b'"'):
        pictures = read_pictures(body, "body", 1)
    if not pictures:
        raise BadRequest("The request holds no picture: send it as the body, or as field 'data'.")
    check_count(len(pictures), 1)
    return Upload("data", pictures)


def flat(ranking: Sequence[Prediction]) -> dict[str, float]:
    """Return scores by name.

    ImageNet has two classes named crane, and two named maillot. TorchServe keeps the score of one;
    here the less likely of two has its class id in its name: ``crane_n03126707``.
    """
    scores: dict[str, float] = {}
    for each in ranking:
        taken = each.class_name in scores
        scores[f"{each.class_name}_{each.class_id}" if taken else each.class_name] = each.score
    return scores


def _item(name: str) -> dict[str, str]:
    return {"modelName": name, "modelUrl": name}
