"""Gunicorn's settings. https://gunicorn.org/reference/settings/ says what each means."""

import os
import shutil
import sys

from flask import Flask
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from inference_app.config import Settings
from inference_app.cpus import cpus_of_worker
from inference_app.errors import SettingError
from inference_app.model.classifier import Classifier
from inference_app.model.engine import preload
from inference_app.model.memory_budget import MemoryBudget
from inference_app.pool import open_files, shared_memory
from inference_app.pool.boot_signals import end_workers_that_boot
from inference_app.pool.crash_report import CrashReport
from inference_app.pool.watchdog import watch
from inference_app.telemetry import logs, metrics, tracing
from inference_app.web.state import state_of

try:
    settings = Settings.from_environment()
except SettingError as error:
    sys.exit(f"error: {error}")
memory = MemoryBudget.of_replica(settings)  # before the workers are forked, which share it

wsgi_app = "inference_app.wsgi:app"
host = f"[{settings.host}]" if ":" in settings.host else settings.host  # IPv6
bind = f"{host}:{settings.port}"
worker_class = "inference_app.pool.worker.Worker"
sendfile = False  # it would overtake what the worker holds back
workers = settings.workers
threads = settings.threads
worker_connections = open_files.connections(open_files.raise_limit(threads), threads)
graceful_timeout = settings.graceful_timeout

# The model is loaded after the fork: no engine's threads survive one.
preload_app = False

raw_env = ["HF_HUB_OFFLINE=1"]  # a model is its folder: transformers asks no hub

# NGINX opens a connection for each request: one kept open would hold a thread, and be reset with
# its worker.
keepalive = 0

# The heartbeat file: a slow disk must not kill workers.
worker_tmp_dir = shared_memory.folder()
control_socket_disable = True  # it would put a thread into the process that forks

# NGINX is the only client: what it does not send is refused.
forwarder_headers = ""
header_map = "refuse"
limit_request_fields = 64
limit_request_line = 8190

crash_report = CrashReport()
logconfig_dict = logs.logging_config(settings.log_level, settings.log_format)


def on_starting(server: Arbiter) -> None:
    """Log what is printed from now on, and what the system allows too little of."""
    logs.capture()
    end_workers_that_boot()
    preload(settings.model_path)
    if worker_connections < open_files.CONNECTIONS:
        fields = {"connections": worker_connections}
        server.log.warning("few files may be open: see ulimit -Hn", extra={"fields": fields})


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give the worker a number that none of the others has, and a slot that the fewest have.

    While workers are replaced, there are more of them than slots.
    """
    others = server.WORKERS.values()
    taken = [each.slot for each in others if not each.is_retired]
    worker.slot = min(range(settings.workers), key=taken.count)
    worker.number = min(set(range(len(others) + 1)) - {each.number for each in others})


def post_fork(_server: Arbiter, worker: Worker) -> None:
    """Let the worker count and take memory for itself, and report a crash."""
    metrics.count_as_worker(worker.number)
    memory.join(worker.number)
    crash_report.redirect_stderr()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Note that a worker ended, give back its memory, and log what it could not."""
    metrics.worker_ended(worker.number, expected=worker.is_retired)
    memory.forget(worker.number)
    if text := crash_report.take():
        fields = {"worker": worker.pid, "stderr": text}
        server.log.error("a worker wrote to stderr", extra={"fields": fields})


def on_exit(_server: Arbiter) -> None:
    """Remove what was counted in."""
    if metrics.SHARED:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def post_worker_init(worker: Worker) -> None:
    """Load the model before the worker accepts its first connection.

    The engine's threads, which start here, may run on any CPU, also for a lone request; those that
    handle requests start later and keep to the worker's own.
    """
    app: Flask = worker.wsgi
    state = state_of(app)
    memory.fit(state.settings)  # whose model may be another than the first
    state.classifier = classifier = Classifier.load(state.settings, metrics.observer(), memory)
    metrics.worker_ready(classifier.model, state.admission.limit)
    watch(worker, classifier, settings.deadline)
    tracing.start(app, classifier.model.name)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus_of_worker(worker.slot, settings.workers))
    worker.log.info("worker ready")
