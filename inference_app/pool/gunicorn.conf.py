"""Gunicorn's settings. https://gunicorn.org/reference/settings/ says what each means."""

import os
import shutil

from flask import Flask
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from inference_app.config import Settings
from inference_app.cpus import cpus_of_worker
from inference_app.model.classifier import Classifier
from inference_app.pool.watchdog import watch
from inference_app.telemetry import metrics, tracing
from inference_app.telemetry.request_log import logging_config
from inference_app.web.state import state_of

settings = Settings.from_environment()

wsgi_app = "inference_app.wsgi:app"
host = f"[{settings.host}]" if ":" in settings.host else settings.host  # IPv6
bind = f"{host}:{settings.port}"
worker_class = "inference_app.pool.worker.Worker"
sendfile = False  # it would overtake what the worker holds back
workers = settings.workers
threads = settings.threads
graceful_timeout = settings.graceful_timeout

# The model is loaded after the fork: OpenVINO's threads do not survive one.
preload_app = False

# NGINX opens a connection for each request: one kept open would hold a thread, and be reset with
# its worker.
keepalive = 0

# The heartbeat file: a slow disk must not kill workers.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
control_socket_disable = True  # it would put a thread into the process that forks

# NGINX is the only client: what it does not send is refused.
forwarder_headers = ""
header_map = "refuse"
limit_request_fields = 64
limit_request_line = 8190

logconfig_dict = logging_config(settings.log_level)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give the worker a number that none of the others has, and a slot that the fewest have.

    While Gunicorn reloads, there are more workers than slots.
    """
    others = server.WORKERS.values()
    taken = [each.slot for each in others]
    worker.slot = min(range(settings.workers), key=taken.count)
    worker.number = min(set(range(len(others) + 1)) - {each.number for each in others})


def post_fork(_server: Arbiter, worker: Worker) -> None:
    """Let the worker count for itself."""
    metrics.count_as_worker(worker.number)


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Count that a worker ended."""
    metrics.worker_ended(worker.number)


def on_exit(_server: Arbiter) -> None:
    """Remove what was counted in."""
    if metrics.SHARED:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def post_worker_init(worker: Worker) -> None:
    """Load the model before the worker accepts its first connection: it is born ready.

    The engine's threads, which start here, may run on any CPU, also for a lone request; those that
    handle requests start later and keep to the worker's own.
    """
    app: Flask = worker.wsgi
    state = state_of(app)
    state.classifier = classifier = Classifier.load(settings, metrics.observer())
    metrics.worker_ready(classifier.model, state.admission.most)
    watch(worker, classifier.busy_for, settings.deadline)
    tracing.start(app, classifier.model.name)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus_of_worker(worker.slot, settings.workers))
    worker.log.info("worker ready")
