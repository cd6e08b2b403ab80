"""Many requests, one engine: who finds it free runs all that wait, as one batch."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference_app.errors import DeadlinePassed, RequestError
from inference_app.model.deadline import Deadline
from inference_app.timing import Timing


class SupportsInfer(Protocol):
    """What runs a batch: logits, float32 (N, classes), of pictures, uint8 (N, H, W, 3)."""

    batch_sizes: tuple[int, ...]

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of each picture, in the same order."""


def _ignore(_pictures: int) -> None: ...


class _Entry:
    """A picture that waits, and later what became of it."""

    def __init__(self, pixels: NDArray[np.uint8], deadline: Deadline) -> None:
        self.pixels, self.deadline = pixels, deadline
        self.woken = threading.Event()
        self.logits: NDArray[np.float32] | None = None
        self.error: BaseException | None = None
        self.queued = self.started = self.ended = time.perf_counter()

    @property
    def done(self) -> bool:
        return self.logits is not None or self.error is not None

    def result(self) -> NDArray[np.float32]:
        if self.logits is not None:
            return self.logits
        if isinstance(self.error, RequestError | MemoryError):
            raise self.error
        raise RuntimeError("inference failed") from self.error


class Batcher:
    """Batches without a thread of its own and without waiting for more to come.

    A request that finds the engine free leads: it runs a batch of all that wait, itself first.
    Those that come meanwhile wait; when the batch ends, the first of them leads the next. Alone, a
    request goes straight through.
    """

    def __init__(
        self,
        engine: SupportsInfer,
        on_batch: Callable[[int], None] = _ignore,
        on_queue: Callable[[int], None] = _ignore,
    ) -> None:
        """Call `on_batch` with each batch's size, `on_queue` with how many wait when it is over."""
        self._engine, self._on_batch, self._on_queue = engine, on_batch, on_queue
        self._lock = threading.Lock()  # over the two below
        self._waiting: deque[_Entry] = deque()
        self._busy = False
        self._running_since: float | None = None

    def infer(
        self, pixels: NDArray[np.uint8], timing: Timing, deadline: Deadline
    ) -> NDArray[np.float32]:
        """Return the logits, float32 (classes,), of one picture, uint8 (H, W, 3).

        Raises RuntimeError, caused by what the engine raised for its batch; DeadlinePassed, or
        ClientDisconnected if it was noticed while the picture waited.
        """
        entry = _Entry(pixels, deadline)
        if not self._leads(entry) and not entry.woken.wait(deadline.seconds_left()):
            self._give_up(entry)
        if not entry.done:
            self._run(self._take())
        timing.add("queue", entry.queued, entry.started)
        if entry.ended > entry.started:
            timing.add("infer", entry.started, entry.ended)
        return entry.result()

    def busy_for(self) -> float:
        """Return for how many seconds the batch that runs now has been running, or 0."""
        since = self._running_since
        return 0.0 if since is None else time.perf_counter() - since

    def _leads(self, entry: _Entry) -> bool:
        with self._lock:
            self._waiting.append(entry)
            was_busy, self._busy = self._busy, True
            return not was_busy

    def _give_up(self, entry: _Entry) -> None:
        """End an entry's waiting at its deadline; what its batch may yet yield is lost."""
        with self._lock:
            if not entry.done:
                entry.error, entry.ended = DeadlinePassed(), time.perf_counter()
            if entry in self._waiting:
                self._waiting.remove(entry)
                entry.started = entry.ended
                if entry.woken.is_set():  # just now: the lead is passed on
                    self._elect()

    def _take(self) -> list[_Entry]:
        """Take the first that are still wanted: a batch of the largest size that they fill."""
        wanted: list[_Entry] = []
        with self._lock:
            while self._waiting and len(wanted) < max(self._engine.batch_sizes):
                entry = self._waiting.popleft()
                entry.error = entry.deadline.problem()
                if entry.error is None:
                    wanted.append(entry)
                else:
                    entry.started = entry.ended = time.perf_counter()
                    entry.woken.set()
            count = max(
                (size for size in self._engine.batch_sizes if size <= len(wanted)), default=0
            )
            self._waiting.extendleft(reversed(wanted[count:]))
        return wanted[:count]

    def _run(self, batch: list[_Entry]) -> None:
        self._running_since = started = time.perf_counter()
        for entry in batch:
            entry.started = started
        try:
            logits = (
                self._engine.infer(np.stack([entry.pixels for entry in batch])) if batch else ()
            )
            for entry, its_logits in zip(batch, logits, strict=True):
                entry.logits = its_logits
        except BaseException as error:  # noqa: BLE001 whatever it is, nobody may wait for ever
            for entry in batch:
                entry.logits, entry.error = None, error
        ended, self._running_since = time.perf_counter(), None
        with self._lock:
            if batch:
                self._on_batch(len(batch))
            self._elect()
        for entry in batch:
            entry.ended = ended
            entry.woken.set()

    def _elect(self) -> None:
        self._on_queue(len(self._waiting))
        self._busy = bool(self._waiting)
        if self._busy:
            self._waiting[0].woken.set()
