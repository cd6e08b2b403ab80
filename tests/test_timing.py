"""Stages and their milliseconds, on a clock that the test turns."""

import time
from collections.abc import Iterator

import pytest

from inference_app.timing import StageTiming, Timing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Replace the clock; its time, in seconds, is the list's one element."""
    now = [100.0]
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: now[0])
        yield now


def test_stages_and_the_total_are_milliseconds(clock: list[float]) -> None:
    timing = Timing()
    with timing.stage("read"):
        clock[0] += 0.002
    clock[0] += 0.005
    assert timing.so_far() == {"read": 2.0, "total": 7.0}


def test_a_stage_that_is_passed_twice_is_added_up(clock: list[float]) -> None:
    timing = Timing()
    for _ in range(2):
        with timing.stage("decode"):
            clock[0] += 0.003
    assert timing.so_far() == {"decode": 6.0, "total": 6.0}


def test_each_passage_is_kept_with_its_beginning_and_end(clock: list[float]) -> None:
    timing = Timing()
    timing.add("queue", 100.5, 100.75)
    clock[0] = 101.0
    with timing.stage("decode"):
        clock[0] = 101.5
    assert timing.start == 100.0
    assert timing.stage_timings == [
        StageTiming("queue", 100.5, 100.75),
        StageTiming("decode", 101.0, 101.5),
    ]


def fail_within(timing: Timing, clock: list[float]) -> None:
    """Pass a stage that takes 4 ms and fails."""
    with timing.stage("decode"):
        clock[0] += 0.004
        raise ValueError("damaged")


def test_a_stage_that_fails_is_counted(clock: list[float]) -> None:
    timing = Timing()
    with pytest.raises(ValueError, match="damaged"):
        fail_within(timing, clock)
    assert timing.so_far()["decode"] == 4.0


def test_the_header_is_server_timing(clock: list[float]) -> None:
    timing = Timing()
    with timing.stage("read"):
        clock[0] += 0.001234
    with timing.stage("infer"):
        clock[0] += 0.25
    assert timing.header() == "read;dur=1.234, infer;dur=250.0, total;dur=251.234"
