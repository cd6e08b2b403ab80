"""How long a request may take, and when its client has disconnected."""

import math
import threading

import pytest

from inference_app.errors import ClientDisconnected, DeadlinePassed
from inference_app.model import deadline
from inference_app.model.deadline import Deadline


class Clock:
    """Time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds, as `time.monotonic` does."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def test_a_deadline_counts_down(clock: Clock) -> None:
    until = Deadline(clock.now + 3)
    assert until.seconds_left() == 3
    clock.now += 2
    until.check()
    clock.now += 1
    with pytest.raises(DeadlinePassed):
        until.check()


def test_a_request_without_a_deadline_lasts_as_long_as_a_lock_can_wait() -> None:
    assert Deadline().seconds_left() == threading.TIMEOUT_MAX
    assert Deadline().problem() is None


def test_a_deadline_tells_that_its_client_disconnected() -> None:
    with pytest.raises(ClientDisconnected):
        Deadline(math.inf, lambda: True).check()
