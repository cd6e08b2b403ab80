"""Requests that come together are answered together, each with its own."""

import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.errors import ClientDisconnected, DeadlinePassed
from inference_app.model.batcher import Batcher, _Entry
from inference_app.model.deadline import Deadline
from inference_app.timing import Timing
from tests.support.server import wait_until

Pixels = NDArray[np.uint8]


class Echo:
    """Answers each picture with its first level; can be held up, and can fail."""

    batch_sizes: tuple[int, ...] = (1, 2, 4)

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.lost = 0

    def hold_up_next(self) -> None:
        """Let the batch that runs end, and hold up the one after it."""
        gate, self.gate = self.gate, threading.Event()
        gate.set()

    def infer(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return one logit for each picture."""
        self.sizes.append(len(pixels))
        assert self.gate.wait(30)
        if self.error:
            raise self.error
        return pixels[: len(pixels) - self.lost, 0, 0, :1].astype(np.float32)


def picture(level: int) -> Pixels:
    """Return a tiny picture that can be told from others."""
    return np.full((2, 2, 3), level, np.uint8)


def held_up(
    echo: Echo, batcher: Batcher, pool: ThreadPoolExecutor, count: int
) -> list["Future[NDArray[np.float32]]"]:
    """Send pictures 0 to `count` - 1; the first is held up in the engine, the others wait."""
    echo.gate.clear()
    answers = [pool.submit(batcher.infer, picture(0), Timing(), Deadline())]
    wait_until(lambda: echo.sizes == [1], "the first is in the engine")
    for level in range(1, count):
        answers.append(pool.submit(batcher.infer, picture(level), Timing(), Deadline()))
        wait_until(lambda level=level: len(batcher._waiting) == level, "it waits")  # type: ignore[misc]
    return answers


def test_alone_a_picture_goes_straight_through() -> None:
    echo = Echo()
    timing = Timing()
    assert Batcher(echo).infer(picture(7), timing, Deadline()) == [7]
    assert echo.sizes == [1]
    assert list(timing.stages) == ["queue", "infer"]


def test_those_that_wait_are_run_together_and_each_gets_its_own() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    with ThreadPoolExecutor(8) as pool:
        answers = held_up(echo, batcher, pool, 8)
        echo.gate.set()
        assert [answer.result(30)[0] for answer in answers] == list(range(8))
    assert echo.sizes == [1, 4, 2, 1]


def test_it_reports_each_batch_and_how_many_wait_when_it_is_over() -> None:
    echo = Echo()
    batches: list[int] = []
    waiting: list[int] = []
    batcher = Batcher(echo, batches.append, waiting.append)
    with ThreadPoolExecutor(9) as pool:
        answers = held_up(echo, batcher, pool, 8)
        late = pool.submit(batcher.infer, picture(9), Timing(), Deadline(math.inf, lambda: True))
        wait_until(lambda: len(batcher._waiting) == 8, "it waits")
        echo.gate.set()
        for answer in answers:
            answer.result(30)
        with pytest.raises(ClientDisconnected):
            late.result(30)
    assert batches == [1, 4, 2, 1]
    assert waiting[:2] == [8, 4]
    assert waiting[-1] == 0


def test_after_a_batch_the_engine_is_free_again() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    with ThreadPoolExecutor(3) as pool:
        answers = held_up(echo, batcher, pool, 3)
        echo.gate.set()
        for answer in answers:
            answer.result(30)
    assert batcher.infer(picture(9), Timing(), Deadline()) == [9]
    assert echo.sizes == [1, 2, 1]


def test_a_failure_reaches_all_of_its_batch_and_no_other() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    echo.error = ValueError("broken")
    with ThreadPoolExecutor(6) as pool:
        answers = held_up(echo, batcher, pool, 6)
        echo.gate.set()
        for answer in answers:
            with pytest.raises(RuntimeError, match="inference failed") as raised:
                answer.result(30)
            assert raised.value.__cause__ is echo.error
    echo.error = None
    assert batcher.infer(picture(5), Timing(), Deadline()) == [5]


def test_an_answer_too_few_is_a_failure_and_not_somebody_elses_answer() -> None:
    echo = Echo()
    echo.lost = 1
    with pytest.raises(RuntimeError, match="inference failed"):
        Batcher(echo).infer(picture(5), Timing(), Deadline())


def test_under_load_nobody_is_forgotten() -> None:
    batcher = Batcher(Echo())
    with ThreadPoolExecutor(16) as pool:
        levels = [level % 256 for level in range(2000)]
        answers = pool.map(
            lambda level: batcher.infer(picture(level), Timing(), Deadline())[0], levels
        )
        assert list(answers) == levels


def test_waiting_ends_at_the_deadline_and_the_others_go_on() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    timing = Timing()
    with ThreadPoolExecutor(3) as pool:
        first, second = held_up(echo, batcher, pool, 2)
        late = pool.submit(batcher.infer, picture(9), timing, Deadline(time.monotonic() + 0.05))
        with pytest.raises(DeadlinePassed):
            late.result(30)
        assert list(timing.stages) == ["queue"]
        assert timing.stages["queue"] > 40
        echo.gate.set()
        assert [first.result(30)[0], second.result(30)[0]] == [0, 1]
    assert echo.sizes == [1, 1]


def test_a_batch_that_takes_too_long_ends_the_waiting_of_those_in_it() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    with ThreadPoolExecutor(3) as pool:
        first, _ = held_up(echo, batcher, pool, 2)
        timing = Timing()
        second = pool.submit(batcher.infer, picture(2), timing, Deadline(time.monotonic() + 0.5))
        wait_until(lambda: len(batcher._waiting) == 2, "it waits")
        echo.hold_up_next()
        assert first.result(30) == [0]
        with pytest.raises(DeadlinePassed):
            second.result(30)
        assert list(timing.stages) == ["queue", "infer"]
        echo.gate.set()
    assert echo.sizes == [1, 2]
    assert batcher.infer(picture(5), Timing(), Deadline()) == [5]


def test_whose_client_has_disconnected_is_left_out() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    with ThreadPoolExecutor(4) as pool:
        first, second = held_up(echo, batcher, pool, 2)
        gone = pool.submit(batcher.infer, picture(9), Timing(), Deadline(math.inf, lambda: True))
        wait_until(lambda: len(batcher._waiting) == 2, "it waits")
        third = pool.submit(batcher.infer, picture(3), Timing(), Deadline())
        wait_until(lambda: len(batcher._waiting) == 3, "it waits")
        echo.gate.set()
        assert [each.result(30) for each in (first, second, third)] == [[0], [1], [3]]
        with pytest.raises(ClientDisconnected):
            gone.result(30)
    assert echo.sizes == [1, 2]


def test_who_leads_without_being_wanted_leaves_the_engine_free() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    timing = Timing()
    with pytest.raises(ClientDisconnected):
        batcher.infer(picture(1), timing, Deadline(math.inf, lambda: True))
    assert list(timing.stages) == ["queue"]
    assert batcher.infer(picture(2), Timing(), Deadline()) == [2]
    assert echo.sizes == [1]


def test_the_lead_is_passed_on_by_who_gives_up_just_then() -> None:
    batcher = Batcher(Echo())
    batcher._busy = True
    late, next_ = (_Entry(picture(level), Deadline()) for level in (1, 2))
    batcher._waiting.extend([late, next_])
    batcher._elect()
    batcher._give_up(late)
    assert isinstance(late.error, DeadlinePassed)
    assert next_.woken.is_set()
    assert batcher._busy


def test_it_tells_how_long_the_engine_has_been_busy() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    assert batcher.busy_for() == 0
    with ThreadPoolExecutor(1) as pool:
        (answer,) = held_up(echo, batcher, pool, 1)
        wait_until(lambda: batcher.busy_for() > 0.05, "time passes")
        echo.gate.set()
        answer.result(30)
    assert batcher.busy_for() == 0
