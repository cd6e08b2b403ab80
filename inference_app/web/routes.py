"""The routes: POST /predict and the legacy-compatible ones, which other systems' clients know.

A picture's journey is `classify_upload`; the routes differ only in how they format the response.
"""

from collections.abc import Mapping
from functools import partial

from flask import Blueprint, Response, jsonify, request

from inference_app.errors import PICTURE_ERRORS
from inference_app.model.classifier import Classifier
from inference_app.model.deadline import Deadline
from inference_app.telemetry import metrics
from inference_app.telemetry.context import current
from inference_app.web import pages
from inference_app.web.admission import has_disconnected
from inference_app.web.parameters import read_parameters
from inference_app.web.responses import (
    CLASS_ONLY,
    JSON,
    NESTED,
    PLAIN_LABEL,
    TEXT,
    Formatter,
    Result,
    respond,
)
from inference_app.web.state import current_state
from inference_app.web.upload import read_upload

bp = Blueprint("routes", __name__)

GREETING = """\
The image classification server is running.
POST a picture to /predict:  curl -F image=@photo.jpg {url}
"""


@bp.get("/")
def greet() -> Response:
    """Say that the server runs, and what to do next; a browser gets the page."""
    kinds = {TEXT: _greeting, "text/html": pages.page, JSON: _json_greeting}
    response = kinds[request.accept_mimetypes.best_match(kinds, TEXT)]()
    response.vary.add("Accept")
    return response


def _greeting() -> Response:
    return Response(GREETING.format(url=_predict_url()), mimetype=TEXT)


def _json_greeting() -> Response:
    # The plain-label system's client looks for this message.
    return jsonify(message="no input image", status="running", predict=_predict_url())


def _predict_url() -> str:
    # Not `host_url`, which fails for hosts that only look like international names.
    return f"{request.scheme}://{request.host}/predict"


@bp.post("/predict")
def predict() -> Response:
    """Classify pictures; the field that they came in tells which system's client it is."""
    return classify_upload({"image": NESTED, "file": PLAIN_LABEL})


@bp.post("/")
@bp.post("/upload")
def predict_class() -> Response:
    """Classify pictures, and respond with the class alone."""
    return classify_upload({"image": CLASS_ONLY, "file": CLASS_ONLY})


def classify_upload(formatters: Mapping[str, Formatter]) -> Response:
    """Take a request's pictures through the whole journey: admit, read, classify, respond.

    `formatters` are those of the fields that pictures come in.
    """
    state, context = current_state(), current()
    state.api_keys.check(request)
    parameters = read_parameters(request.args)
    classifier = state.ready_classifier()
    disconnected = partial(has_disconnected, request.environ.get("gunicorn.socket"))
    admit = state.admission.enter(classifier.capacity, request.content_length, disconnected)
    with admit as admitted, metrics.IN_FLIGHT.track_inprogress():
        with context.timing.stage("read"):
            upload = read_upload(request, state.settings.max_pictures)
        context.pictures = len(upload.pictures)
        admitted.has_pictures(len(upload.pictures))
        results = [
            _classify(classifier, data, parameters.top_k or 1, admitted) for data in upload.pictures
        ]
    return respond(results, formatters[upload.field], parameters)


def _classify(classifier: Classifier, data: bytes, top_k: int, deadline: Deadline) -> Result:
    """Return a picture's predictions, or the error that is its own; others end the request."""
    try:
        return classifier.classify(data, top_k, current().timing, deadline)
    except PICTURE_ERRORS as error:
        return type(error)(str(error))  # without its traceback, which holds the picture
