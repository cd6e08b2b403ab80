"""For how long threads have been computing: how a call into a library that hangs is found."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Measures the CPU time of the threads that are inside `measure`.

    Not the time on the wall: an image may take long because others go before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a thread that has ended has no clock to look at
        self._started: dict[int, float] = {}

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure this thread while the `with` lasts."""
        thread = threading.get_ident()
        with self._lock:
            self._started[thread] = _seconds(thread)
        try:
            yield
        finally:
            with self._lock:
                del self._started[thread]

    def longest(self) -> float:
        """Return the seconds of the thread that has been inside for the longest time, or 0."""
        with self._lock:
            return max((_seconds(each) - since for each, since in self._started.items()), default=0)


def _seconds(thread: int) -> float:
    """Return the CPU time of a thread; where the system does not tell it, the time."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    return time.monotonic()
