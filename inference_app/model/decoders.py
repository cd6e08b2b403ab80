"""Which image is decoded when: cheap ones at once, expensive ones apart, all within the memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inference_app.model.deadline import Deadline
from inference_app.model.image import CHEAP, EncodedImage
from inference_app.model.memory_budget import MemoryBudget
from inference_app.model.slow_lane import SlowLane
from inference_app.model.stopwatch import Stopwatch
from inference_app.timing import Timing


class Decoders:
    """Decodes cheap images in the threads of their requests, expensive ones in the slow lane.

    As many of each at a time as there are CPUs for: more would share their caches.
    """

    def __init__(
        self, width: int, deadline: float, memory: MemoryBudget, on_waiting: Callable[[int], None]
    ) -> None:
        """Decode `width` images of each kind at a time; see SlowLane for the others."""
        self._free = threading.Semaphore(width)
        self._slow_lane = SlowLane(width, deadline, on_waiting)
        self._memory, self._on_waiting = memory, on_waiting
        self._stopwatch = Stopwatch()

    def decode(self, image: EncodedImage, timing: Timing, deadline: Deadline) -> NDArray[np.uint8]:
        """Decode an image when its turn has come.

        Raises what `EncodedImage.decode` does; Overloaded, DeadlinePassed, ClientDisconnected; and
        TooLarge where the memory would never be enough.
        """
        decode = partial(self._decode, image, deadline)
        if image.cost.seconds > CHEAP:
            return self._slow_lane.run(image.cost.seconds, decode, timing, deadline)
        with self._turn(timing, deadline), timing.stage("decode"):
            return decode()

    def busy_for(self) -> float:
        """Return the CPU seconds of the decoding that has been running for longest, or 0."""
        return self._stopwatch.longest()

    def _decode(self, image: EncodedImage, deadline: Deadline) -> NDArray[np.uint8]:
        with (
            self._memory.reserve("pictures", image.cost.bytes, deadline),
            self._stopwatch.measure(),
        ):
            return image.decode(deadline.check)

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
