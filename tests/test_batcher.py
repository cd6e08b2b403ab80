"""Requests that come together are answered together, each with its own."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.batcher import Batcher
from inference_app.timing import Timing
from tests.server import wait_until

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
    answers = [pool.submit(batcher.infer, picture(0), Timing())]
    wait_until(lambda: echo.sizes == [1], "the first is in the engine")
    for level in range(1, count):
        answers.append(pool.submit(batcher.infer, picture(level), Timing()))
        wait_until(lambda level=level: len(batcher._waiting) == level, "it waits")  # type: ignore[misc]
    return answers


def test_alone_a_picture_goes_straight_through() -> None:
    echo = Echo()
    timing = Timing()
    assert Batcher(echo).infer(picture(7), timing) == [7]
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


def test_after_a_batch_the_engine_is_free_again() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    with ThreadPoolExecutor(3) as pool:
        answers = held_up(echo, batcher, pool, 3)
        echo.gate.set()
        for answer in answers:
            answer.result(30)
    assert batcher.infer(picture(9), Timing()) == [9]
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
    assert batcher.infer(picture(5), Timing()) == [5]


def test_an_answer_too_few_is_a_failure_and_not_somebody_elses_answer() -> None:
    echo = Echo()
    echo.lost = 1
    with pytest.raises(RuntimeError, match="inference failed"):
        Batcher(echo).infer(picture(5), Timing())


def test_under_load_nobody_is_forgotten() -> None:
    batcher = Batcher(Echo())
    with ThreadPoolExecutor(16) as pool:
        levels = [level % 256 for level in range(2000)]
        answers = pool.map(lambda level: batcher.infer(picture(level), Timing())[0], levels)
        assert list(answers) == levels
