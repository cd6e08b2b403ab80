"""Whether the process lives, and whether it can classify."""

from flask import Blueprint, Response, jsonify

from inference_app.web.state import current_state

bp = Blueprint("health", __name__)


@bp.get("/livez")
def livez() -> Response:
    """Return 200 as long as the process handles requests."""
    return jsonify(status="alive")


@bp.get("/readyz")
def readyz() -> Response:
    """Return 200 once the model has done its warm-up, 503 before."""
    model = current_state().ready_classifier().model
    return jsonify(status="ready", model=model.name, model_hash=model.digest)


def name_model(response: Response) -> Response:
    """Name the model, and its hash, on every response."""
    classifier = current_state().classifier
    if classifier is not None:
        response.headers["X-Model"] = classifier.model.name
        response.headers["X-Model-Hash"] = classifier.model.digest
    return response
