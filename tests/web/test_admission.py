"""Who is let in, who is refused, and when waiting ends."""

import socket

import pytest

from inference_app.errors import Overloaded
from inference_app.web import admission
from inference_app.web.admission import Admission, has_disconnected


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
    monkeypatch.setattr(admission, "time", clock)
    return clock


def serve(door: Admission, clock: Clock, seconds: float, times: int) -> None:
    """Let requests in one after the other; each takes so long."""
    for _ in range(times):
        with door.enter():
            clock.now += seconds


def test_a_quarter_of_the_threads_stays_free() -> None:
    door = Admission(threads=8, deadline=10)
    inside = [door.enter() for _ in range(6)]
    for each in inside:
        each.__enter__()
    with pytest.raises(Overloaded), door.enter():
        pass
    inside[0].__exit__(None, None, None)
    with door.enter():
        pass


def test_who_would_wait_beyond_half_the_deadline_is_refused(clock: Clock) -> None:
    door = Admission(threads=64, deadline=10)
    serve(door, clock, 2.0, times=200)
    with (
        door.enter(),
        door.enter(),
        door.enter(),
        pytest.raises(Overloaded) as refused,
        door.enter(),
    ):
        pass
    assert refused.value.headers == {"Retry-After": "6"}  # three inside, two seconds each


def test_a_fast_server_refuses_nobody_for_its_queue(clock: Clock) -> None:
    door = Admission(threads=64, deadline=10)
    serve(door, clock, 2.0, times=200)
    serve(door, clock, 0.01, times=200)
    with door.enter(), door.enter(), door.enter(), door.enter():
        pass


def test_idle_time_is_not_slowness(clock: Clock) -> None:
    door = Admission(threads=64, deadline=10)
    for _ in range(200):
        serve(door, clock, 0.01, times=1)
        clock.now += 60
    with door.enter(), door.enter(), door.enter():
        pass


def test_a_failed_request_leaves_too() -> None:
    door = Admission(threads=1, deadline=10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), door.enter():
            raise ZeroDivisionError


def test_retry_after_is_at_least_a_second() -> None:
    assert Overloaded(0).headers == {"Retry-After": "1"}


def test_a_client_that_closed_has_disconnected() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert not has_disconnected(ours)
        theirs.sendall(b"more")
        assert not has_disconnected(ours)
        ours.recv(4)
        theirs.close()
        assert has_disconnected(ours)


def test_a_client_whose_connection_broke_has_disconnected() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.close()
    assert has_disconnected(ours)


def test_without_a_socket_nobody_has_disconnected() -> None:
    assert not has_disconnected(None)
