"""Until when a request must be answered, and whether its client is still connected."""

import math
import threading
import time
from collections.abc import Callable

from inference_app.errors import ClientDisconnected, DeadlinePassed, RequestError


class Deadline:
    """The deadline of one admitted request."""

    def __init__(
        self, at: float = math.inf, disconnected: Callable[[], bool] = lambda: False
    ) -> None:
        """Take the deadline on `time.monotonic`'s clock, in seconds."""
        self._at, self._disconnected = at, disconnected
        self.elsewhere = 0.0  # seconds spent in the slow lane, where no other request waits behind

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, as much as a lock can wait at most."""
        return min(max(0.0, self._at - time.monotonic()), threading.TIMEOUT_MAX)

    def problem(self) -> RequestError | None:
        """Return why nobody would get an answer, or None."""
        if self.seconds_left() == 0:
            return DeadlinePassed()
        return ClientDisconnected() if self._disconnected() else None

    def check(self) -> None:
        """Raise DeadlinePassed or ClientDisconnected if nobody would get an answer."""
        if problem := self.problem():
            raise problem
