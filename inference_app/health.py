"""Whether the process lives, and whether it can classify."""

from flask import Blueprint, Response, current_app, jsonify

from inference_app.classifier import Classifier
from inference_app.errors import NotReady

health = Blueprint("health", __name__)


@health.get("/livez")
def livez() -> Response:
    """Answer as long as requests are answered at all."""
    return jsonify(status="alive")


@health.get("/readyz")
def readyz() -> Response:
    """Answer 200 once the model has answered its warm-up, 503 before."""
    return jsonify(status="ready", model=ready_classifier().model.name)


def ready_classifier() -> Classifier:
    """Return the app's classifier; raises NotReady before it is loaded."""
    classifier: Classifier | None = current_app.extensions["classifier"]
    if classifier is None:
        raise NotReady("The model is still loading. Try again in a moment.")
    return classifier


@health.after_app_request
def name_model(answer: Response) -> Response:
    """Say on every answer which model this is."""
    classifier: Classifier | None = current_app.extensions["classifier"]
    if classifier is not None:
        answer.headers["X-Model"] = classifier.model.name
    return answer
