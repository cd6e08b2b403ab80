"""Which requests are admitted, which are refused, and when waiting ends."""

import socket
from contextlib import ExitStack, suppress

import pytest

from inference_app.errors import BadRequest, DeadlinePassed, Overloaded, TooLarge
from inference_app.model import backlog, deadline
from inference_app.model.classifier import Capacity
from inference_app.model.memory_budget import BYTES_A_BYTE, MB, MemoryBudget
from inference_app.web import admission
from inference_app.web.admission import Admission, has_disconnected
from tests.support.clock import Clock

PHOTO = 100_000  # bytes
CAPACITY = Capacity(0.02, MemoryBudget(2000 * MB))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (admission, backlog, deadline):
        monkeypatch.setattr(module, "time", clock)
    return clock


def admitted(door: Admission, length: int | None = PHOTO, capacity: Capacity = CAPACITY) -> int:
    """Admit requests that stay, until one is refused; return how many there were."""
    with ExitStack() as stack:
        for count in range(1000):
            try:
                stack.enter_context(door.enter(capacity, length))
            except Overloaded:
                return count
    return 1000


def late(door: Admission, clock: Clock) -> None:
    """Admit two requests that are not answered within the deadline."""
    with suppress(DeadlinePassed), door.enter(CAPACITY, PHOTO), door.enter(CAPACITY, PHOTO):
        clock.now += 10
        raise DeadlinePassed


def test_a_quarter_of_the_threads_stays_free() -> None:
    door = Admission(8, 10, 32 * MB)
    assert admitted(door) == 6
    assert admitted(door) == 6


def test_requests_that_would_wait_beyond_half_the_deadline_are_refused(clock: Clock) -> None:
    slow = Capacity(1.0, CAPACITY.memory)
    assert admitted(Admission(128, 10, 32 * MB), capacity=slow) == 5


def test_light_requests_after_expensive_ones_are_admitted(clock: Clock) -> None:
    door = Admission(128, 10, 32 * MB)
    for _ in range(20):
        late(door, clock)
    assert admitted(door) < 60
    clock.now += 20
    assert admitted(door) == 96


def test_time_in_the_slow_lane_makes_nothing_slow_for_light_requests(clock: Clock) -> None:
    door = Admission(128, 10, 32 * MB)
    for _ in range(100):
        with door.enter(CAPACITY, PHOTO) as one, door.enter(CAPACITY, PHOTO) as other:
            clock.now += 5
            one.elsewhere = other.elsewhere = 4.99
    assert admitted(door) == 96


def test_refused_requests_do_not_make_it_look_fast(clock: Clock) -> None:
    door = Admission(128, 10, 32 * MB)
    slow = Capacity(1.0, CAPACITY.memory)
    for _ in range(100):
        with pytest.raises(BadRequest), door.enter(slow, PHOTO), door.enter(slow, PHOTO):
            raise BadRequest
    assert admitted(door, capacity=slow) == 5


def test_large_bodies_weigh_more(clock: Clock) -> None:
    assert admitted(Admission(128, 10, 32 * MB), 30 * MB) < 20


def test_a_request_weighs_as_much_as_its_pictures(clock: Clock) -> None:
    door = Admission(128, 10, 32 * MB)
    slow = Capacity(0.5, CAPACITY.memory)
    with door.enter(slow, PHOTO) as form:
        form.has_pictures(16)
        with pytest.raises(Overloaded), door.enter(slow, PHOTO):
            pass
    with door.enter(slow, PHOTO), door.enter(slow, PHOTO) as other, pytest.raises(Overloaded):
        other.has_pictures(60)


def test_a_body_is_counted_while_it_is_there() -> None:
    memory = MemoryBudget(2000 * MB)
    door = Admission(128, 10, 32 * MB)
    for length, counted in ((30 * MB, 30 * MB), (99 * MB, 32 * MB), (None, 32 * MB), (PHOTO, 0)):
        with door.enter(Capacity(0.02, memory), length):
            assert memory.taken("bodies") == BYTES_A_BYTE * counted
        assert memory.taken("bodies") == 0


def test_a_body_that_never_fits_is_too_large() -> None:
    door = Admission(128, 10, 32 * MB)
    with (
        pytest.raises(TooLarge),
        door.enter(Capacity(0.02, MemoryBudget(100 * MB)), 30 * MB),
    ):
        pass
    assert admitted(door) == 96


def test_a_failed_request_leaves_too() -> None:
    door = Admission(1, 10, 32 * MB)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), door.enter(CAPACITY, PHOTO):
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
