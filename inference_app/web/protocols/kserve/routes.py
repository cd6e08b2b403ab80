"""The paths of the protocol: about the server, about its model, and inference."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from inference_app.errors import RequestError, UnknownModel
from inference_app.model.classifier import Answer
from inference_app.version import __version__
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.protocols.kserve.request import INPUT, OUTPUTS, read
from inference_app.web.protocols.kserve.response import VERSION, respond
from inference_app.web.state import current_state

bp = Blueprint("kserve", __name__, url_prefix="/v2")

MODEL = "/models/<model>"
MODEL_VERSION = f"{MODEL}/versions/<version>"
EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "model_repository"]


def shape(problem: Problem) -> dict[str, Any]:
    """Return the protocol's shape of errors."""
    return {"error": problem.message}


error_handlers.register(bp, shape)


@bp.before_request
def check_model() -> None:
    """Raise UnknownModel for the path of another model or version than the one that is served."""
    named = request.view_args
    if named:
        name = journey.ready_model(named.pop("model")).name
        if (version := named.pop("version", VERSION)) != VERSION:
            raise UnknownModel(f"{name} {version}", f"{name} {VERSION}")


@bp.get("", strict_slashes=False)
def describe_server() -> Response:
    """Return the server's metadata."""
    return jsonify(name="inference_app", version=__version__, extensions=EXTENSIONS)


@bp.get("/health/live")
def live() -> Response:
    """Say that the process handles requests."""
    return jsonify(live=True)


@bp.get("/health/ready")
def ready() -> Response:
    """Say that the server can classify; a 503 before."""
    journey.ready_model()
    return jsonify(ready=True)


@bp.get(f"{MODEL}/ready")
@bp.get(f"{MODEL_VERSION}/ready")
def model_ready() -> Response:
    """Say that the model can classify; a 503 before."""
    return jsonify(name=journey.ready_model().name, ready=True)


@bp.get(MODEL)
@bp.get(MODEL_VERSION)
def describe_model() -> Response:
    """Return the model's metadata; the input is one of three forms that are taken."""
    model = journey.ready_model()
    pixels = {"name": INPUT, "datatype": "UINT8", "shape": [-1, *model.preprocessing.crop, 3]}
    logits = {"name": OUTPUTS[0], "datatype": "FP32", "shape": [-1, len(model.labels)]}
    return jsonify(
        name=model.name, versions=[VERSION], platform="openvino", inputs=[pixels], outputs=[logits]
    )


@bp.get(f"{MODEL}/config")
@bp.get(f"{MODEL_VERSION}/config")
def configuration() -> Response:
    """Return Triton's configuration of a model, as far as its clients need it."""
    model, max_pictures = journey.ready_model(), current_state().settings.max_pictures
    pixels = {"name": INPUT, "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC"}
    logits = {"name": OUTPUTS[0], "data_type": "TYPE_FP32", "dims": [len(model.labels)]}
    return jsonify(
        name=model.name,
        platform="openvino",
        max_batch_size=max_pictures,
        input=[pixels | {"dims": [*model.preprocessing.crop, 3]}],
        output=[logits],
    )


@bp.post("/repository/index")
def index() -> Response:
    """List the models: the one that is served."""
    name = journey.ready_model().name
    return jsonify([{"name": name, "version": VERSION, "state": "READY", "reason": ""}])


@bp.post(f"{MODEL}/infer")
@bp.post(f"{MODEL_VERSION}/infer")
def infer() -> Response:
    """Classify the pictures in a tensor."""
    upload, answers = journey.classify(read)
    if failed := [each for each in answers if isinstance(each, RequestError)]:
        raise failed[0]  # the protocol has no error of one picture alone
    return respond(upload, [each for each in answers if isinstance(each, Answer)])
