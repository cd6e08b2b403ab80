"""Work that is admitted and not done: how much there is, and how long it will take."""

import math
import threading
import time

from inference_app.errors import Overloaded

WAIT_SHARE = 0.5  # of the deadline may be spent waiting; the rest is for the work itself
WEIGHT_MAX = 0.5  # of one measurement
FACTOR_MAX = 10.0  # times what is assumed at the start: more is a stall, which passes
MEMORY = 5.0  # seconds of idleness after which a third of what was learned is left


class Backlog:
    """Adds up estimates, and learns by what factor work takes longer than estimated.

    A measurement counts by how much work was ahead of it: one that nothing was ahead of says little
    about waiting. It fades while there is no work: what was true of the last load may not be of
    the next.
    """

    def __init__(self, deadline: float, start: float = 1.0) -> None:
        """Take the deadline in seconds, and the factor to assume before anything is learned."""
        self._deadline, self._start = deadline, start
        self._lock = threading.Lock()  # over the three below
        self._seconds = 0.0
        self._factor, self._idle_since = self._start, time.monotonic()

    def add(self, seconds: float) -> "Work":
        """Add work of so many estimated seconds; raises Overloaded if it would not end in time."""
        work = Work(self)
        work.grow(seconds)
        return work

    def grow(self, seconds: float, own: float) -> float:
        """Add so many seconds to work of `own`; return all that there are, or raise Overloaded."""
        with self._lock:
            if not self._seconds:
                self._forget()
            ahead = self._seconds - own
            wait, end = ahead * self._factor, (self._seconds + seconds) * self._factor
            # Work that nothing is ahead of is always tried.
            if ahead > 0 and (wait > WAIT_SHARE * self._deadline or end > self._deadline):
                raise Overloaded(math.ceil(wait))
            self._seconds += seconds
            return self._seconds

    def remove(self, seconds: float) -> None:
        """Take work of so many seconds off."""
        with self._lock:
            self._seconds -= seconds
            if self._seconds < 1e-9:  # what rounding leaves
                self._seconds, self._idle_since = 0.0, time.monotonic()

    def learn(self, estimated: float, took: float) -> None:
        """Remember how long a piece of work and all that was ahead of it took."""
        with self._lock:
            wait = estimated * self._factor
            weight = wait / max(wait / WEIGHT_MAX, WAIT_SHARE * self._deadline)
            factor = min(took / estimated, FACTOR_MAX * self._start)
            self._factor += weight * (factor - self._factor)

    def _forget(self) -> None:
        kept = math.exp((self._idle_since - time.monotonic()) / MEMORY)
        self._factor = self._start + kept * (self._factor - self._start)


class Work:
    """A piece of work in a backlog."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._seconds = self._with_ahead = 0.0
        self._since = time.monotonic()

    def grow(self, seconds: float) -> None:
        """Estimate it so many seconds longer, and measure it from now on; raises Overloaded."""
        self._with_ahead = self._backlog.grow(seconds, self._seconds)
        self._seconds += seconds
        self._since = time.monotonic()

    def end(self, measure: bool, elsewhere: float = 0.0) -> None:
        """Take it off; `elsewhere` are seconds that it spent in another backlog.

        Parts of it may have been there at the same time: then they are more than it took.
        """
        self._backlog.remove(self._seconds)
        if measure:
            took = time.monotonic() - self._since - elsewhere
            self._backlog.learn(self._with_ahead, max(0.0, took))
