"""Expensive images: the cheaper and the older first, refused early, late or not at all."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.errors import ClientDisconnected, DeadlinePassed, Overloaded
from inference_app.model.deadline import Deadline
from inference_app.model.decoder_process import DecoderProcess
from inference_app.model.slow_lane import SlowLane
from inference_app.timing import Timing
from tests.support.server import wait_until

Pixels = NDArray[np.uint8]
PIXELS = np.zeros((2, 2, 3), np.uint8)


class Requests:
    """A slow lane of one thread, and the requests that use it, each in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.waiting = self.sent = 0
        self.done: list[str] = []
        self.gate = threading.Event()
        self.lane = SlowLane(1, 10, self._count)
        self._pool = pool
        self.first = self.send("first", 0.1)
        wait_until(lambda: self.done == ["first"], "the first is decoded")

    def _count(self, number: int) -> None:
        self.waiting += number
        self.sent += number == 1

    def send(
        self,
        name: str,
        seconds: float,
        deadline: Deadline | None = None,
        timing: Timing | None = None,
    ) -> "Future[Pixels]":
        """Send an image; while the gate is closed, decoding does not end."""
        before = self.sent

        def decode(_: DecoderProcess) -> Pixels:
            self.done.append(name)
            assert self.gate.wait(30)
            return PIXELS

        arguments = (seconds, decode, timing or Timing(), deadline or Deadline())
        result = self._pool.submit(self.lane.run, *arguments)
        wait_until(lambda: self.sent > before or result.done(), "it is sent")
        return result


@pytest.fixture
def requests() -> Iterator[Requests]:
    with ThreadPoolExecutor(16) as pool:
        requests = Requests(pool)
        yield requests
        requests.gate.set()


def test_the_cheaper_image_goes_first(requests: Requests) -> None:
    results = [requests.send(name, cost) for name, cost in (("c", 1.5), ("b", 0.4), ("a", 0.2))]
    requests.gate.set()
    assert all(each.result(30) is PIXELS for each in results)
    assert requests.done == ["first", "a", "b", "c"]


def test_an_image_is_not_passed_for_ever(requests: Requests) -> None:
    results = [requests.send("old", 0.25)]
    time.sleep(0.5)  # twice the seconds that the others save
    results += [requests.send("new", 0.1)]
    requests.gate.set()
    for each in results:
        each.result(30)
    assert requests.done == ["first", "old", "new"]


def test_what_would_wait_too_long_is_refused(requests: Requests) -> None:
    waits = requests.send("waits", 3)
    with pytest.raises(Overloaded):
        requests.send("too much", 1).result(30)
    requests.gate.set()
    waits.result(30)


def test_waiting_ends_at_the_deadline(requests: Requests) -> None:
    timing = Timing()
    late = requests.send("late", 0.1, Deadline(time.monotonic() + 0.1), timing)
    with pytest.raises(DeadlinePassed):
        late.result(30)
    assert requests.waiting == 0
    assert list(timing.stages) == ["queue"]
    requests.gate.set()
    requests.first.result(30)
    assert requests.done == ["first"]


def test_decoding_that_takes_too_long_ends_the_waiting_for_it(requests: Requests) -> None:
    timing = Timing()
    requests.gate.set()
    requests.first.result(30)
    requests.gate.clear()
    with pytest.raises(DeadlinePassed):
        requests.send("late", 0.1, Deadline(time.monotonic() + 0.2), timing).result(30)
    assert list(timing.stages) == ["queue", "decode"]


def test_an_image_whose_client_has_disconnected_is_not_decoded(requests: Requests) -> None:
    gone = requests.send("gone", 0.1, Deadline(disconnected=lambda: True))
    requests.gate.set()
    with pytest.raises(ClientDisconnected):
        gone.result(30)
    assert requests.done == ["first"]


@pytest.mark.parametrize("error", [ValueError("broken"), MemoryError()])
def test_a_failure_is_the_requests_and_the_lane_goes_on(
    requests: Requests, error: Exception
) -> None:
    def fail(_: DecoderProcess) -> Pixels:
        raise error

    requests.gate.set()
    with pytest.raises(type(error)):
        requests.lane.run(0.1, fail, Timing(), Deadline())
    assert requests.send("next", 0.1).result(30) is PIXELS


def test_time_in_the_lane_is_told_apart(requests: Requests) -> None:
    timing, deadline = Timing(), Deadline()
    result = requests.send("timed", 0.1, deadline, timing)
    time.sleep(0.1)
    requests.gate.set()
    result.result(30)
    assert timing.stages["queue"] > 50
    assert deadline.elsewhere > 0.05


def test_as_many_are_decoded_at_a_time_as_it_is_wide() -> None:
    lane = SlowLane(2, 10, lambda _: None)
    both = threading.Barrier(2, timeout=30)

    def decode(_: DecoderProcess) -> Pixels:
        both.wait()
        return PIXELS

    run: Callable[[int], Pixels] = lambda _: lane.run(0.1, decode, Timing(), Deadline())  # noqa: E731
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(run, range(4)))) == 4
