"""Who is let in, and for how long: no more than can be answered in time."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference_app.errors import Overloaded
from inference_app.model.deadline import Deadline

QUEUE_SHARE = 0.5  # of the deadline may be spent waiting; the rest is for the work itself
SPARE_SHARE = 0.25  # of the threads stay free, to refuse and to say that the server lives
SMOOTHING = 0.05  # the weight of one answer in the rate: the last twenty or so count


class Admission:
    """Counts the requests inside, measures how fast they leave, and refuses the rest at once."""

    def __init__(self, threads: int, deadline: float) -> None:
        """Take the number of threads that requests come in, and the deadline in seconds."""
        self.most = max(1, threads - math.ceil(threads * SPARE_SHARE))
        self._deadline = deadline
        self._lock = threading.Lock()  # over the three below
        self._inside = 0
        self._seconds_each = 0.0  # between two that leave, while there are any inside
        self._last = 0.0

    @contextmanager
    def enter(self, disconnected: Callable[[], bool] = lambda: False) -> Iterator[Deadline]:
        """Let a request in while the `with` lasts; raises Overloaded if it would wait too long."""
        self._come()
        try:
            yield Deadline(time.monotonic() + self._deadline, disconnected)
        finally:
            self._leave()

    def _come(self) -> None:
        with self._lock:
            wait = self._inside * self._seconds_each
            if self._inside >= self.most or wait > QUEUE_SHARE * self._deadline:
                raise Overloaded(math.ceil(wait))
            if not self._inside:
                self._last = time.monotonic()
            self._inside += 1

    def _leave(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._seconds_each += SMOOTHING * (now - self._last - self._seconds_each)
            self._last = now
            self._inside -= 1


def has_disconnected(connection: socket.socket | None) -> bool:
    """Tell whether the client closed its connection: then there is an end to read, not data."""
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
