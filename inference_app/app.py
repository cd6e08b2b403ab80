"""The Flask app: what it is made of, and what happens around each request."""

from flask import Flask

from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.telemetry import metrics, request_log
from inference_app.web import error_handlers, health, openapi, pages, protocols, routes
from inference_app.web.admission import Admission
from inference_app.web.api_keys import ApiKeys
from inference_app.web.protocols import overlaps
from inference_app.web.state import State


def create_app(settings: Settings | None = None, classifier: Classifier | None = None) -> Flask:
    """Make the Flask app.

    Without `settings` they come from the environment. Without a `classifier` the app is not ready
    until its state gets one: Gunicorn's workers load it after the fork.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_mb * 1024 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]
    State(
        settings=settings,
        api_keys=ApiKeys(settings.api_keys_file),
        admission=Admission(settings.threads, settings.deadline, app.config["MAX_CONTENT_LENGTH"]),
        classifier=classifier,
    ).attach(app)
    _register_hooks(app)
    error_handlers.register(app, error_handlers.own_shape)
    ours = [module.bp for module in (routes, health, openapi, metrics, pages)]
    # Ours come last: a path that Vertex AI names may be one of ours.
    for bp in (*protocols.blueprints(settings.protocols), *ours):
        app.register_blueprint(bp)
    return app


def _register_hooks(app: Flask) -> None:
    """Register what runs around each request.

    Flask runs `after_request` hooks in the reverse order of their registration. Tracing, where it
    is on, registers its hook last, in each worker, and so runs first.
    """
    app.before_request(request_log.begin)
    app.before_request(overlaps.settle)
    for hook in reversed((health.name_model, metrics.count, request_log.end)):
        app.after_request(hook)
