"""The app without decoding and inference: `python -m benchmarks.stubbed` serves as `serve` does.

What is left costs what Gunicorn, Flask and our own code around decoding and inference cost.
"""

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from gunicorn.app.wsgiapp import run
from numpy.typing import NDArray

import inference_app
from inference_app.config import Settings
from inference_app.model import prepared
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.image import EncodedImage
from inference_app.pool import shared_memory

CONFIG = Path(inference_app.__file__).with_name("pool") / "gunicorn.conf.py"


def stub() -> None:
    """Replace decoding by a black image, and inference by logits of zero."""
    model = prepared.read(Settings.from_environment().model_path)
    image = np.zeros((*model.preprocessing.crop, 3), np.uint8)
    logits = np.zeros((max(OpenVinoEngine.batch_sizes), len(model.labels)), np.float32)

    def decode(_: EncodedImage, check: object = None) -> NDArray[np.uint8]:  # noqa: ARG001
        return image

    def infer(_: OpenVinoEngine, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return logits[: len(pixels)]

    mock.patch.object(EncodedImage, "decode", decode).start()
    mock.patch.object(OpenVinoEngine, "infer", infer).start()


if __name__ == "__main__":
    stub()
    folder = tempfile.mkdtemp(prefix="inference_app-", dir=shared_memory.folder())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # Gunicorn's configuration removes it
    sys.argv = ["gunicorn", "--config", str(CONFIG)]
    run()
