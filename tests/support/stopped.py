"""The server that is stopped while its workers load the model, for tests.

`STOP_WITH=SIGTERM python -m tests.support.stopped`: each worker sends that signal to Gunicorn's
master before it loads the model, and leaves it the time to pass it on.
"""

import os
import signal
import time
from typing import Any

from inference_app.model.classifier import Classifier
from tests.support.faults import run_gunicorn

_load = Classifier.load


def load(*arguments: Any) -> Classifier:
    """Stop the server, then load the model."""
    os.kill(os.getppid(), signal.Signals[os.environ["STOP_WITH"]])
    time.sleep(2)
    return _load(*arguments)


if __name__ == "__main__":
    Classifier.load = load  # type: ignore[method-assign, assignment]
    run_gunicorn()
