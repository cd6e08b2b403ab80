"""The routes: POST /predict and its elder siblings, which other systems' clients know.

A picture's journey is `classify_upload`; the routes differ only in how they word the answer.
"""

from functools import partial

from flask import Blueprint, Response, current_app, g, jsonify, request

from inference_app import answers, health, metrics, page
from inference_app.admission import Admission, has_gone
from inference_app.classifier import Prediction
from inference_app.config import Settings
from inference_app.errors import BadRequest
from inference_app.upload import Upload, read_upload

routes = Blueprint("routes", __name__)

GREETING = """\
The image classification server is running.
POST a picture to /predict:  curl -F image=@photo.jpg {scheme}://{host}/predict
"""

Results = list[list[Prediction]]


@routes.get("/")
def greet() -> Response:
    """Say that the server runs, and what to do next; a browser gets the page."""
    answer = page.document() if page.is_wanted() else _greeting()
    answer.vary.add("Accept")
    return answer


def _greeting() -> Response:
    # Not `host_url`, which fails for hosts that only look like international names.
    text = GREETING.format(scheme=request.scheme, host=request.host)
    return Response(text, mimetype="text/plain")


@routes.post("/predict")
def predict() -> Response:
    """Classify pictures; the field that they came in tells which system's client it is."""
    upload, results = classify_upload()
    word = answers.body_in_a_string if upload.field == "image" else answers.class_alone
    return _answer(results, word)


@routes.post("/")
@routes.post("/upload")
def predict_class() -> Response:
    """Classify pictures, answering with the class alone."""
    _, results = classify_upload()
    return _answer(results, answers.class_alone)


def classify_upload() -> tuple[Upload, Results]:
    """Take a request's pictures through the whole journey: admit, read, decode, infer, top-k."""
    current_app.extensions["api_keys"].check(request)
    classifier = health.ready_classifier()
    settings: Settings = current_app.extensions["settings"]
    admission: Admission = current_app.extensions["admission"]
    top_k = _top_k()
    gone = partial(has_gone, request.environ.get("gunicorn.socket"))
    with admission.enter(gone) as ticket, metrics.IN_FLIGHT.track_inprogress():
        with g.timing.stage("read"):
            upload = read_upload(request, settings.max_pictures)
        g.pictures = len(upload.pictures)
        return upload, [
            classifier.classify(data, top_k, g.timing, ticket) for data in upload.pictures
        ]


def _answer(results: Results, word: answers.Wording) -> Response:
    if _wants_text():
        return Response(answers.to_text(results), mimetype="text/plain")
    return jsonify(answers.to_json(results, word, ranked="top_k" in request.args))


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
