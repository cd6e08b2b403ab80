"""Which requests are admitted, and for how long: no more than can be answered in time."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference_app.errors import DeadlinePassed, Overloaded
from inference_app.model.backlog import Backlog, Work
from inference_app.model.classifier import Capacity
from inference_app.model.deadline import Deadline
from inference_app.model.memory_budget import BYTES_A_BYTE

SPARE_SHARE = 0.25  # of the threads stay free, to refuse and to say that the server lives
SECONDS_A_BYTE = 2e-8  # of a body, to read and to parse it; measured, of JSON


class Admitted(Deadline):
    """The deadline of an admitted request, and its work."""

    def __init__(
        self, at: float, disconnected: Callable[[], bool], work: Work, picture_seconds: float
    ) -> None:
        super().__init__(at, disconnected)
        self.work, self._picture_seconds = work, picture_seconds

    def has_pictures(self, count: int) -> None:
        """Weigh the request by its pictures, once they are known; raises Overloaded."""
        self.work.grow((count - 1) * self._picture_seconds)


class Admission:
    """Weighs the requests in flight, and refuses those that would wait too long."""

    def __init__(self, threads: int, deadline: float, max_body: int) -> None:
        """Take the threads that requests come in, the deadline in seconds, the largest body."""
        self.limit = max(1, threads - math.ceil(threads * SPARE_SHARE))
        self._deadline, self._max_body = deadline, max_body
        self._backlog = Backlog(deadline)
        self._lock = threading.Lock()  # over the one below
        self._in_flight = 0

    @contextmanager
    def enter(
        self,
        capacity: Capacity,
        content_length: int | None,
        disconnected: Callable[[], bool] = lambda: False,
    ) -> Iterator[Admitted]:
        """Admit a request while the `with` lasts, before its body is read.

        Raises Overloaded if it would wait too long, for its turn or for memory, and TooLarge if its
        body can never fit.
        """
        until = time.monotonic() + self._deadline
        length = self._max_body if content_length is None else min(content_length, self._max_body)
        with self._counted():
            work = self._backlog.add(capacity.picture_seconds + SECONDS_A_BYTE * length)
            admitted = Admitted(until, disconnected, work, capacity.picture_seconds)
            body = capacity.memory.reserve("bodies", BYTES_A_BYTE * length, admitted)
            with _measured(admitted), body:
                yield admitted

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            if self._in_flight >= self.limit:
                raise Overloaded(1)
            self._in_flight += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1


@contextmanager
def _measured(admitted: Admitted) -> Iterator[None]:
    """Learn from requests that were answered or late; those refused on the way took less."""
    measure = True
    try:
        yield
    except DeadlinePassed:
        raise
    except BaseException:
        measure = False
        raise
    finally:
        admitted.work.end(measure, admitted.elsewhere)


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
