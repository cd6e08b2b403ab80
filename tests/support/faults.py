"""The server with an engine that fails at the sight of some pictures: for tests alone.

`python -m tests.support.faults` serves as `python -m inference_app serve` does. A red picture makes
inference hang, a green one aborts the process.
"""

import io
import os
import sys
import time
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.model import classifier
from inference_app.model.engine import load_engine
from inference_app.model.prepared import PreparedModel
from tests.conftest import REPO

RED, GREEN = (255, 0, 0), (0, 255, 0)


def picture(colour: tuple[int, int, int]) -> bytes:
    """Return a picture that is all of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


class FailingEngine:
    """Does as the model's engine does, but for the two colours."""

    def __init__(self, model: PreparedModel, threads: int) -> None:
        self._engine = load_engine(model, threads)
        self.batch_sizes, self.seconds = self._engine.batch_sizes, self._engine.seconds

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Fail, or return what the engine does."""
        if any((each == GREEN).all() for each in pixels):
            os.abort()
        if any((each == RED).all() for each in pixels):
            time.sleep(3600)
        return self._engine.infer(pixels)


def run_gunicorn() -> None:
    """Run Gunicorn with our settings; its workers are forks, and so have what was changed here."""
    from gunicorn.app.wsgiapp import run

    config = REPO / "inference_app" / "pool" / "gunicorn.conf.py"
    sys.argv = ["gunicorn", "--config", str(config)]
    run()


if __name__ == "__main__":
    mock.patch.object(classifier, "load_engine", FailingEngine).start()
    run_gunicorn()
