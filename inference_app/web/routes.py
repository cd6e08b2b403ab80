"""The routes: POST /predict and the legacy-compatible ones, which other systems' clients know.

A picture's journey is `classify_upload`; the routes differ only in how they format the response.
"""

from functools import partial

from flask import Blueprint, Response, jsonify, request

from inference_app.errors import BadRequest
from inference_app.model.classifier import Prediction
from inference_app.telemetry import metrics
from inference_app.telemetry.context import current
from inference_app.web import pages, responses
from inference_app.web.admission import has_disconnected
from inference_app.web.state import current_state
from inference_app.web.upload import Upload, read_upload

bp = Blueprint("routes", __name__)

GREETING = """\
The image classification server is running.
POST a picture to /predict:  curl -F image=@photo.jpg {scheme}://{host}/predict
"""

Results = list[list[Prediction]]


@bp.get("/")
def greet() -> Response:
    """Say that the server runs, and what to do next; a browser gets the page."""
    response = pages.page() if pages.prefers_html() else _greeting()
    response.vary.add("Accept")
    return response


def _greeting() -> Response:
    # Not `host_url`, which fails for hosts that only look like international names.
    text = GREETING.format(scheme=request.scheme, host=request.host)
    return Response(text, mimetype="text/plain")


@bp.post("/predict")
def predict() -> Response:
    """Classify pictures; the field that they came in tells which system's client it is."""
    upload, results = classify_upload()
    image = upload.field == "image"
    return _respond(results, responses.nested if image else responses.class_only)


@bp.post("/")
@bp.post("/upload")
def predict_class() -> Response:
    """Classify pictures, answering with the class alone."""
    _, results = classify_upload()
    return _respond(results, responses.class_only)


def classify_upload() -> tuple[Upload, Results]:
    """Take a request's pictures through the whole journey: admit, read, decode, infer, top-k."""
    state, context = current_state(), current()
    state.api_keys.check(request)
    classifier = state.ready_classifier()
    top_k = _top_k()
    disconnected = partial(has_disconnected, request.environ.get("gunicorn.socket"))
    with state.admission.enter(disconnected) as deadline, metrics.IN_FLIGHT.track_inprogress():
        with context.timing.stage("read"):
            upload = read_upload(request, state.settings.max_pictures)
        context.pictures = len(upload.pictures)
        results = [
            classifier.classify(data, top_k, context.timing, deadline) for data in upload.pictures
        ]
    if len(results) == 1:
        context.label = results[0][0].name
    return upload, results


def _respond(results: Results, formatter: responses.Formatter) -> Response:
    if _wants_text():
        return Response(responses.to_text(results), mimetype="text/plain")
    return jsonify(responses.to_json(results, formatter, ranked="top_k" in request.args))


def _top_k() -> int:
    text = request.args.get("top_k", "1")
    try:
        top_k = int(text)
    except ValueError:
        top_k = 0
    if top_k < 1:
        raise BadRequest(f"top_k must be a whole number of at least 1, not {text[:20]!r}.")
    return top_k


def _wants_text() -> bool:
    asked = request.args.get("format")
    if asked not in (None, "text", "json"):
        raise BadRequest(f"format must be text or json, not {asked[:20]!r}.")
    accepted = request.accept_mimetypes.best_match(["application/json", "text/plain"])
    return asked == "text" or (asked is None and accepted == "text/plain")
