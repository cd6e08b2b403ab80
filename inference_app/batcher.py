"""Many requests, one engine: who finds it free runs all that wait, as one batch."""

import threading
import time
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference_app.timing import Timing


class SupportsInfer(Protocol):
    """What runs a batch: logits, float32 (N, classes), of pictures, uint8 (N, H, W, 3)."""

    batch_sizes: tuple[int, ...]

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of each picture, in the same order."""


class _Entry:
    """A picture that waits, and later what became of it."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.woken = threading.Event()
        self.logits: NDArray[np.float32] | None = None
        self.error: BaseException | None = None
        self.queued = self.started = self.ended = time.perf_counter()

    @property
    def done(self) -> bool:
        return self.logits is not None or self.error is not None


class Batcher:
    """Batches without a thread of its own and without waiting for more to come.

    A request that finds the engine free leads: it runs a batch of all that wait, itself first.
    Those that come meanwhile wait; when the batch ends, the first of them leads the next. Alone, a
    request goes straight through.
    """

    def __init__(self, engine: SupportsInfer) -> None:
        self._engine = engine
        self._lock = threading.Lock()  # over the two below
        self._waiting: deque[_Entry] = deque()
        self._busy = False

    def infer(self, pixels: NDArray[np.uint8], timing: Timing) -> NDArray[np.float32]:
        """Return the logits, float32 (classes,), of one picture, uint8 (H, W, 3).

        Raises RuntimeError, caused by what the engine raised for its batch.
        """
        entry = _Entry(pixels)
        if not self._leads(entry):
            entry.woken.wait()
        if not entry.done:
            self._run(self._take())
        timing.add("queue", entry.started - entry.queued)
        timing.add("infer", entry.ended - entry.started)
        if entry.logits is None:
            raise RuntimeError("inference failed") from entry.error
        return entry.logits

    def _leads(self, entry: _Entry) -> bool:
        with self._lock:
            self._waiting.append(entry)
            was_busy, self._busy = self._busy, True
            return not was_busy

    def _take(self) -> list[_Entry]:
        """Take the first that wait: a batch of the largest size that they fill."""
        with self._lock:
            count = max(size for size in self._engine.batch_sizes if size <= len(self._waiting))
            return [self._waiting.popleft() for _ in range(count)]

    def _run(self, batch: list[_Entry]) -> None:
        started = time.perf_counter()
        try:
            logits = self._engine.infer(np.stack([entry.pixels for entry in batch]))
            for entry, its_logits in zip(batch, logits, strict=True):
                entry.logits = its_logits
        except BaseException as error:  # noqa: BLE001 whatever it is, nobody may wait for ever
            for entry in batch:
                entry.logits, entry.error = None, error
        ended = time.perf_counter()
        self._wake_next()
        for entry in batch:
            entry.started, entry.ended = started, ended
            entry.woken.set()

    def _wake_next(self) -> None:
        with self._lock:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].woken.set()
