"""Work that would not be done in time is refused, by what was learned lately."""

import pytest

from inference_app.errors import Overloaded
from inference_app.model import backlog
from inference_app.model.backlog import Backlog
from tests.support.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(backlog, "time", clock)
    return clock


def fill(waiting: Backlog, seconds: float) -> int:
    """Add work until it is refused; return how much was taken."""
    for count in range(1000):
        try:
            waiting.add(seconds)
        except Overloaded:
            return count
    return 1000


def work_off(waiting: Backlog, clock: Clock, factor: float, times: int = 100) -> None:
    """Do one piece of work behind nine others, again and again; it takes longer by a factor."""
    others = waiting.add(0.9)
    for _ in range(times):
        work = waiting.add(0.1)
        clock.now += 1.0 * factor
        work.end(measure=True)
    others.end(measure=False)


def test_work_waits_for_half_the_deadline_at_most(clock: Clock) -> None:
    assert fill(Backlog(10), 0.5) == 11  # five seconds, and one more


def test_work_that_would_end_too_late_is_refused(clock: Clock) -> None:
    waiting = Backlog(10)
    waiting.add(4)
    waiting.add(6)
    with pytest.raises(Overloaded) as refused:
        waiting.add(0.1)
    assert refused.value.headers == {"Retry-After": "10"}


def test_work_that_nothing_is_ahead_of_is_always_tried(clock: Clock) -> None:
    waiting = Backlog(10)
    work = waiting.add(0.1)
    work.grow(99)
    work.end(measure=True)
    waiting.add(99)


def test_two_at_a_time_are_done_in_half_the_time(clock: Clock) -> None:
    assert fill(Backlog(10, start=0.5), 0.5) == 21


def test_slow_work_is_admitted_less(clock: Clock) -> None:
    waiting = Backlog(10)
    work_off(waiting, clock, factor=5)
    assert fill(waiting, 0.1) == 11


def test_fast_work_is_admitted_more(clock: Clock) -> None:
    waiting = Backlog(10)
    work_off(waiting, clock, factor=0.1)
    assert fill(waiting, 0.5) > 50


def test_what_was_learned_is_forgotten_when_nothing_comes(clock: Clock) -> None:
    waiting = Backlog(10)
    work_off(waiting, clock, factor=5)
    clock.now += 20
    assert fill(waiting, 0.1) > 32


def test_work_that_nothing_was_ahead_of_teaches_little(clock: Clock) -> None:
    waiting = Backlog(10)
    for _ in range(5):
        work = waiting.add(0.01)
        clock.now += 1
        work.end(measure=True)
    assert fill(waiting, 0.01) > 200


def test_what_was_not_done_teaches_nothing(clock: Clock) -> None:
    waiting = Backlog(10)
    for _ in range(100):
        others, work = waiting.add(2), waiting.add(0.1)
        work.end(measure=False)
        others.end(measure=False)
    assert fill(waiting, 0.5) == 11


def test_time_elsewhere_does_not_count(clock: Clock) -> None:
    waiting = Backlog(10)
    for _ in range(20):
        others, work = waiting.add(0.9), waiting.add(0.1)
        clock.now += 9
        work.end(measure=True, elsewhere=8)
        others.end(measure=False)
    assert fill(waiting, 0.5) == 11
