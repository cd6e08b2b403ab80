"""What every peer serves: ResNet-50 in torch, as Hugging Face documents it, or in our engine.

Imported in the peers' own environments. Settings come from the environment, see servers.py:
ENGINE, DECODE, MODEL_SOURCE, MODEL_PREPARED, WORKERS, THREADS (CPU threads of one worker), BATCH.
"""

import io
import os
import threading
from typing import Any, Protocol

WORKERS, THREADS = int(os.environ["WORKERS"]), int(os.environ["THREADS"])
BATCH = int(os.environ["BATCH"])
BATCH_WAIT_MS = 10  # as Ray Serve's and Mosec's default


class Model(Protocol):
    """Classifies pictures in two steps, so that a server may batch the second."""

    def decode(self, data: bytes) -> Any:
        """Return the model's input for a picture's bytes."""

    def infer(self, pictures: list[Any]) -> list[str]:
        """Return the best label of each input, BATCH of them at most."""


def load() -> Model:
    """Load the engine that ENGINE names."""
    return Torch() if os.environ["ENGINE"] == "torch" else OpenVino()


class Torch:
    """transformers' classes, eager fp32, eval and inference_mode."""

    def __init__(self) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModelForImageClassification

        torch.set_num_threads(THREADS)
        source = os.environ["MODEL_SOURCE"]
        self._processor = AutoImageProcessor.from_pretrained(source)
        self._model = AutoModelForImageClassification.from_pretrained(source).eval()

    def decode(self, data: bytes) -> Any:
        """Return the picture as a float tensor, (1, 3, 224, 224)."""
        from PIL import Image

        picture = Image.open(io.BytesIO(data)).convert("RGB")
        return self._processor(picture, return_tensors="pt")["pixel_values"]

    def infer(self, pictures: list[Any]) -> list[str]:
        """Return the best label of each tensor."""
        import torch

        with torch.inference_mode():
            logits = self._model(torch.cat(pictures)).logits
        return [self._model.config.id2label[index] for index in logits.argmax(-1).tolist()]


class OpenVino:
    """The app's engine without its batcher: batching is the server's part.

    DECODE says whether a picture is decoded as the app does or as Pillow's tutorial does.
    """

    def __init__(self) -> None:
        from pathlib import Path

        from inference_app.config import Settings
        from inference_app.model import prepared
        from inference_app.model.engine.openvino import OpenVinoEngine

        self._settings = Settings()
        self._model = prepared.read(Path(os.environ["MODEL_PREPARED"]))
        self._engine = OpenVinoEngine(self._model, THREADS)
        self._lock = threading.Lock()

    def decode(self, data: bytes) -> Any:
        """Return the picture's pixels, uint8 (224, 224, 3)."""
        from inference_app.model import image

        preprocessing = self._model.preprocessing
        if os.environ["DECODE"] == "ours":
            return image.decode(data, preprocessing, self._settings)
        return decode_plainly(data, preprocessing.resize, preprocessing.crop[0])

    def infer(self, pictures: list[Any]) -> list[str]:
        """Return the best label of each; the engine takes only batches of its sizes."""
        import numpy as np

        rest, logits = np.stack(pictures), []
        with self._lock:
            while len(rest):
                size = max(size for size in self._engine.batch_sizes if size <= len(rest))
                logits.append(self._engine.infer(rest[:size]))
                rest = rest[size:]
        indices = np.concatenate(logits).argmax(-1).tolist()
        return [self._model.labels[index].label for index in indices]


def decode_plainly(data: bytes, resize: Any, crop: int) -> Any:
    """Return a picture's centre, uint8 (crop, crop, 3), its shorter edge resized: all decoded."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(data)).convert("RGB")
    scale = resize / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    left, top = (size[0] - crop) // 2, (size[1] - crop) // 2
    whole = picture.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, top, left + crop, top + crop)))
