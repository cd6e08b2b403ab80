"""The server with an engine that fails at the sight of some pictures: for tests alone.

`python -m tests.faults` serves as `python -m inference_app serve` does. A red picture makes
inference hang, a green one aborts the process.
"""

import io
import os
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.engine import Engine

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


def main() -> None:
    """Run Gunicorn with our settings; its workers are forks, and so have the faults."""
    from gunicorn.app.wsgiapp import run

    import inference_app

    Engine.infer = infer  # type: ignore[method-assign]
    config = Path(inference_app.__file__).with_name("gunicorn.conf.py")
    sys.argv = ["gunicorn", "--config", str(config)]
    run()


if __name__ == "__main__":
    main()
