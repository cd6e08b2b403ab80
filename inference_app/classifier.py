"""A model that answers: the journey from a picture's bytes to its labels."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app import image, metrics, prepared
from inference_app.admission import Ticket
from inference_app.batcher import Batcher, SupportsInfer
from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.engine import Engine
from inference_app.prepared import Label, PreparedModel
from inference_app.timing import Timing


@dataclass(frozen=True)
class Prediction:
    """One class that a picture may be of, and the model's score for it, from 0 to 1."""

    class_id: str
    label: str
    score: float

    @property
    def class_name(self) -> str:
        """The first name of the label, with underscores, as in ImageNet's class index file."""
        return self.label.split(",")[0].strip().replace(" ", "_")

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as clients see it."""
        return {"class_id": self.class_id, "label": self.label, "score": round(self.score, 6)}


class Classifier:
    """A prepared model and the engine that runs it."""

    def __init__(self, model: PreparedModel, engine: SupportsInfer, settings: Settings) -> None:
        self.model = model
        self._batcher = Batcher(
            engine, metrics.BATCH_PICTURES.observe, metrics.WAITING_TO_INFER.set
        )
        self._settings = settings
        # As many as there are CPUs for: more would share their caches, and hold a hundred MB each.
        self._decoders = threading.Semaphore(max(1, available_cpus() // settings.workers))

    @classmethod
    def load(cls, settings: Settings) -> "Classifier":
        """Read, check, compile and warm up the model; raises PreparedModelError."""
        model = prepared.read(settings.model_path)
        return cls(model, Engine(model, settings.inference_threads), settings)

    def classify(
        self, data: bytes, top_k: int, timing: Timing, ticket: Ticket | None = None
    ) -> list[Prediction]:
        """Return the `top_k` likeliest classes of a picture, the likeliest first.

        Raises the RequestErrors of `image.decode`, DeadlinePassed and ClientGone.
        """
        ticket = ticket or Ticket()
        with self._decoder(timing, ticket), timing.stage("decode"):
            pixels = image.decode(data, self.model.preprocessing, self._settings)
        logits = self._batcher.infer(pixels, timing, ticket)
        return likeliest(logits, self.model.labels, top_k)

    def busy_for(self) -> float:
        """Return for how many seconds the batch that runs now has been running, or 0."""
        return self._batcher.busy_for()

    @contextmanager
    def _decoder(self, timing: Timing, ticket: Ticket) -> Iterator[None]:
        with timing.stage("queue"), metrics.WAITING_TO_DECODE.track_inprogress():
            free = self._decoders.acquire(timeout=ticket.seconds_left())
        try:
            ticket.check()
            yield
        finally:
            if free:
                self._decoders.release()


def likeliest(logits: NDArray[np.float32], labels: Sequence[Label], top_k: int) -> list[Prediction]:
    """Turn logits, float32 (classes,), into the `top_k` likeliest classes by softmax."""
    scores = softmax(logits)
    order = np.argsort(-scores, kind="stable")[:top_k]
    return [Prediction(*labels[int(index)], score=float(scores[index])) for index in order]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits, float32 (classes,), into scores from 0 to 1 that add up to 1."""
    scores: NDArray[np.float32] = np.exp(logits - logits.max())
    scores /= scores.sum()
    return scores
