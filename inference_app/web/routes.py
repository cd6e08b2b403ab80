"""The routes: POST /predict and the legacy-compatible ones, which other systems' clients know.

They differ in how they format the response; the way there is `journey.classify`.
"""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from inference_app.model.classifier import Answer
from inference_app.web import journey, pages
from inference_app.web.parameters import read_parameters
from inference_app.web.responses import (
    CLASS_ONLY,
    JSON,
    NESTED,
    PLAIN_LABEL,
    TEXT,
    Formatter,
    respond,
)
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
    """Classify a request's pictures; `formatters` are those of the fields that they come in."""
    parameters = read_parameters(request.args)
    upload, answers = journey.classify(read_upload)
    limit = parameters.limit
    results = [each.top(limit) if isinstance(each, Answer) else each for each in answers]
    return respond(results, formatters[upload.field], parameters)
