"""An image-classification server: Flask in Gunicorn workers, each with a prepared model."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from inference_app.classifier import Classifier
    from inference_app.config import Settings

__version__ = "0.1.0"


def create_app(
    settings: "Settings | None" = None, classifier: "Classifier | None" = None
) -> "Flask":
    """Make the Flask app.

    Without `settings` they come from the environment. Without a `classifier` the app is not ready
    until `app.extensions["classifier"]` is set: Gunicorn does that after the fork.
    """
    from flask import Flask

    from inference_app import errors, request_log
    from inference_app.admission import Admission
    from inference_app.api_keys import ApiKeys
    from inference_app.config import Settings
    from inference_app.health import health
    from inference_app.metrics import metrics
    from inference_app.openapi import openapi
    from inference_app.page import page
    from inference_app.routes import routes

    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_mb * 1024 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["settings"] = settings
    app.extensions["classifier"] = classifier
    app.extensions["api_keys"] = ApiKeys(settings.api_keys_file)
    app.extensions["admission"] = Admission(settings.threads, settings.deadline)
    request_log.register(app)
    errors.register(app)
    app.register_blueprint(routes)
    app.register_blueprint(health)
    app.register_blueprint(openapi)
    app.register_blueprint(metrics)
    app.register_blueprint(page)
    return app
