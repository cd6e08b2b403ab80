"""The server with an engine that fails at the sight of some pictures: for tests alone.

`python -m tests.support.faults` serves as `python -m inference_app serve` does. A red picture makes
inference hang, a green one aborts the process.
"""

import io
import os
import sys
import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.model.engine import Engine
from tests.conftest import REPO

RED, GREEN = (255, 0, 0), (0, 255, 0)
_infer = Engine.infer


def picture(colour: tuple[int, int, int]) -> bytes:
    """Return a picture that is all of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


def infer(self: Engine, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Do as the engine does, but for the two colours."""
    if any((each == GREEN).all() for each in pixels):
        os.abort()
    if any((each == RED).all() for each in pixels):
        time.sleep(3600)
    return _infer(self, pixels)


def run_gunicorn() -> None:
    """Run Gunicorn with our settings; its workers are forks, and so have what was changed here."""
    from gunicorn.app.wsgiapp import run

    config = REPO / "inference_app" / "pool" / "gunicorn.conf.py"
    sys.argv = ["gunicorn", "--config", str(config)]
    run()


if __name__ == "__main__":
    Engine.infer = infer  # type: ignore[method-assign]
    run_gunicorn()
