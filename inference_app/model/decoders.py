"""Which image is decoded when: cheap ones at once, expensive ones apart, all within the memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.model import image
from inference_app.model.deadline import Deadline
from inference_app.model.decoder_process import DecoderProcess
from inference_app.model.memory_budget import MemoryBudget
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.slow_lane import SlowLane
from inference_app.model.stopwatch import Stopwatch
from inference_app.timing import Timing


class Decoders:
    """Decodes cheap images in the threads of their requests, expensive ones in processes.

    As many of each at a time as there are CPUs for: more would share their caches.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        settings: Settings,
        memory: MemoryBudget,
        on_waiting: Callable[[int], None],
    ) -> None:
        """Decode for a model; `on_waiting` is told 1 or -1 when one more or one less waits."""
        width = max(1, available_cpus() // settings.workers)
        self._free = threading.Semaphore(width)
        self._slow_lane = SlowLane(width, settings.deadline, on_waiting)
        self._preprocessing, self._settings = preprocessing, settings
        self._memory, self._on_waiting = memory, on_waiting
        self._stopwatch = Stopwatch()

    def decode(self, data: bytes, timing: Timing, deadline: Deadline) -> NDArray[np.uint8]:
        """Decode an image when its turn has come.

        Raises what `image.decode` does; Overloaded, DeadlinePassed, ClientDisconnected; TooLarge
        where the memory would never be enough; MemoryError.
        """
        encoded = image.open_image(data, self._preprocessing, self._settings)
        cost = encoded.cost
        if cost.seconds > image.CHEAP:
            del encoded
            decode = partial(self._decode_apart, data, cost.bytes, deadline)
            return self._slow_lane.run(cost.seconds, decode, timing, deadline)
        memory = self._memory.reserve("pictures", cost.bytes, deadline)
        with self._turn(timing, deadline), memory, self._timed(timing):
            return encoded.decode(deadline.check)

    def busy_for(self) -> float:
        """Return the CPU seconds of the decoding that has been running for longest, or 0."""
        return self._stopwatch.longest()

    def _decode_apart(
        self, data: bytes, size: int, deadline: Deadline, process: DecoderProcess
    ) -> NDArray[np.uint8]:
        with self._memory.reserve("pictures", size, deadline):
            return process.decode(data, self._preprocessing, self._settings)

    @contextmanager
    def _timed(self, timing: Timing) -> Iterator[None]:
        with timing.stage("decode"), self._stopwatch.measure():
            yield

    @contextmanager
    def _turn(self, timing: Timing, deadline: Deadline) -> Iterator[None]:
        with timing.stage("queue"), self._waiting():
            free = self._free.acquire(timeout=deadline.seconds_left())
        try:
            deadline.check()
            yield
        finally:
            if free:
                self._free.release()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._on_waiting(1)
        try:
            yield
        finally:
            self._on_waiting(-1)
