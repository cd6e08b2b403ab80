"""The server that is stopped while its workers boot, for tests.

`STOP_WITH=SIGTERM STOP_AT=load python -m tests.support.stopped`: each worker sends that signal to
Gunicorn's master before it loads the model, or right after its `fork`, and gives it time to pass it
on.
"""

import os
import signal
import time
from typing import Any

from inference_app.model.classifier import Classifier
from inference_app.pool.worker import Worker
from tests.support.faults import run_gunicorn

_load, _init_process = Classifier.load, Worker.init_process


def stop() -> None:
    """Stop the server."""
    os.kill(os.getppid(), signal.Signals[os.environ["STOP_WITH"]])
    time.sleep(2)


def load(*arguments: Any) -> Classifier:
    """Stop the server, then load the model."""
    stop()
    return _load(*arguments)


def init_process(self: Worker) -> None:
    """Stop the server, then set up the worker's signal handlers and all else."""
    stop()
    _init_process(self)


if __name__ == "__main__":
    if os.environ["STOP_AT"] == "load":
        Classifier.load = load  # type: ignore[method-assign, assignment]
    else:
        Worker.init_process = init_process
    run_gunicorn()
