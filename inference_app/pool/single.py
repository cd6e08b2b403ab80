"""Serves from this one process, with waitress: Gunicorn does not run on Windows.

What the pool and NGINX add is missing: a second worker, the replacement of one that dies or hangs,
retries, and limits for each client address. waitress reads a whole request before the app sees it.
"""

import logging
import logging.config

import waitress

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.telemetry import logs, metrics, tracing
from inference_app.web.state import state_of

log = logging.getLogger(__name__)

IDLE_SECONDS = 10  # until a client that sends nothing is disconnected, as NGINX does


def serve(settings: Settings) -> None:
    """Serve until the process is stopped."""
    logging.config.dictConfig(logs.logging_config(settings.log_level, settings.log_format))
    logs.capture()
    classifier = Classifier.load(settings, metrics.observer())
    app = create_app(settings, classifier)
    metrics.worker_ready(classifier.model, state_of(app).admission.limit)
    tracing.start(app, classifier.model.name)
    server = waitress.create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=1,
        max_request_body_size=settings.max_upload_mb * 1024 * 1024,
    )
    log.info("worker ready")
    server.run()
