"""A model that answers: the journey from a picture's bytes to its labels."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.errors import PICTURE_ERRORS, RequestError
from inference_app.model import image, prepared
from inference_app.model.activation import ACTIVATIONS, Scores
from inference_app.model.batcher import Batcher
from inference_app.model.deadline import Deadline
from inference_app.model.decoders import Decoders
from inference_app.model.engine import Engine, load_engine
from inference_app.model.memory_budget import MemoryBudget
from inference_app.model.prepared import Label, PreparedModel
from inference_app.timing import Timing


@dataclass(frozen=True)
class Prediction:
    """One class that a picture may be of, and the model's score for it.

    Scores are from 0 to 1, except those of a regression, which have no bounds.
    """

    class_id: str
    label: str
    score: float

    @property
    def name(self) -> str:
        """The first name of the label."""
        return _first_name(self.label)

    @property
    def class_name(self) -> str:
        """The name with underscores, as in ImageNet's class index file."""
        return self.name.replace(" ", "_")

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as clients see it."""
        return {"class_id": self.class_id, "label": self.label, "score": round(self.score, 6)}


@dataclass(frozen=True)
class Answer:
    """What a model makes of a picture; `logits` are float32 (classes,)."""

    model: PreparedModel
    logits: Scores

    @property
    def scores(self) -> Scores:
        """The score of each class, float32 (classes,)."""
        return ACTIVATIONS[self.model.activation](self.logits)

    @property
    def name(self) -> str:
        """The first name of the most likely class."""
        return _first_name(self.model.labels[int(self.logits.argmax())].label)

    def top(self, k: int) -> list[Prediction]:
        """Return the `k` classes with the highest scores, the highest first."""
        return most_likely(self.scores, self.model.labels, k)


# Encoded, in a picture file's format; or decoded and cropped as the model takes it, (H, W, 3).
Picture = bytes | NDArray[np.uint8]


def _ignore(_number: int) -> None: ...


class Observer(NamedTuple):
    """Functions that are told how full the model is: metrics, where there are any."""

    batch_pictures: Callable[[int], None] = _ignore  # pictures in the batch that just ended
    waiting_to_infer: Callable[[int], None] = _ignore  # pictures that wait after that batch
    waiting_to_decode: Callable[[int], None] = _ignore  # 1 or -1: one more, one less


SILENT = Observer()


class Capacity(NamedTuple):
    """What requests may use: estimated seconds for each picture, and memory."""

    picture_seconds: float
    memory: MemoryBudget


class Classifier:
    """A prepared model and the engine that runs it."""

    def __init__(
        self,
        model: PreparedModel,
        engine: Engine,
        settings: Settings,
        observer: Observer = SILENT,
        memory: MemoryBudget | None = None,
    ) -> None:
        self.model, self._observer = model, observer
        self._batcher = Batcher(engine, observer.batch_pictures, observer.waiting_to_infer)
        # Pictures of one request at a time: a batch, and one that is decoded meanwhile.
        self._at_once = max(engine.batch_sizes) + 1
        # The workers share the CPUs, and a cheap image takes some time to decode.
        picture_seconds = settings.workers * engine.seconds + image.CHEAP / 10
        memory = memory or MemoryBudget.of_replica(settings)
        self.capacity = Capacity(picture_seconds, memory)
        waiting = observer.waiting_to_decode
        self._decoders = Decoders(model.preprocessing, settings, memory, waiting)

    @classmethod
    def load(
        cls, settings: Settings, observer: Observer = SILENT, memory: MemoryBudget | None = None
    ) -> "Classifier":
        """Read, check, compile and warm up the model; raises PreparedModelError."""
        model = prepared.read(settings.model_path)
        engine = load_engine(model, settings.inference_threads)
        return cls(model, engine, settings, observer, memory)

    def infer(self, picture: Picture, timing: Timing, deadline: Deadline | None = None) -> Answer:
        """Return what the model makes of a picture.

        Raises what `Decoders.decode` and `Batcher.infer` do.
        """
        deadline = deadline or Deadline()
        if isinstance(picture, bytes):
            picture = self._decoders.decode(picture, timing, deadline)
        return Answer(self.model, self._batcher.infer(picture, timing, deadline))

    def infer_all(
        self, pictures: Sequence[Picture], timing: Timing, deadline: Deadline
    ) -> list[Answer | RequestError]:
        """Return the answer of each picture, or the error that is its own; raises all others."""

        def one(picture: Picture) -> Answer | RequestError:
            try:
                return self.infer(picture, timing, deadline)
            except PICTURE_ERRORS as error:
                return type(error)(str(error))  # without its traceback, which holds the picture

        if len(pictures) == 1:
            return [one(pictures[0])]
        with ThreadPoolExecutor(min(len(pictures), self._at_once), "pictures") as pool:
            return list(pool.map(one, pictures))

    def inferring_for(self) -> float:
        """Return for how many seconds the batch that runs now has been running, or 0."""
        return self._batcher.busy_for()

    def decoding_for(self) -> float:
        """Return the CPU seconds of the decoding that has been running for longest, or 0."""
        return self._decoders.busy_for()


def _first_name(label: str) -> str:
    return label.split(",")[0].strip()


def most_likely(scores: Scores, labels: Sequence[Label], top_k: int) -> list[Prediction]:
    """Return the `top_k` classes with the highest scores, float32 (classes,), the highest first."""
    order = ranking(scores, top_k)
    return [Prediction(*labels[index], score=float(scores[index])) for index in order]


def ranking(scores: Scores, top_k: int) -> list[int]:
    """Return the indices of the `top_k` highest scores, the highest first."""
    order: list[int] = np.argsort(-scores, kind="stable")[:top_k].tolist()
    return order
