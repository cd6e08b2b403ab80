"""When each stage of a request started and ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class StageTiming(NamedTuple):
    """A stage of a request, and its start and end in seconds on `time.perf_counter`'s clock."""

    stage: str
    start: float
    end: float


class Timing:
    """The stages of one request; of several pictures, each has its own, side by side."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.stage_timings: list[StageTiming] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of the `with` as stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, start, time.perf_counter())

    def add(self, name: str, start: float, end: float) -> None:
        """Add a stage that ran from `start` to `end`, as in StageTiming."""
        self.stage_timings.append(StageTiming(name, start, end))

    @property
    def stages(self) -> dict[str, float]:
        """Milliseconds by stage, added up where a stage ran more than once."""
        stages: dict[str, float] = {}
        for name, start, end in self.stage_timings:
            stages[name] = stages.get(name, 0.0) + (end - start) * 1000
        return stages

    def so_far(self) -> dict[str, float]:
        """Return the stages, and the `total` since the request began, in ms, to the microsecond."""
        total = (time.perf_counter() - self.start) * 1000
        return {name: round(ms, 3) for name, ms in {**self.stages, "total": total}.items()}

    def header(self) -> str:
        """Return the value of a Server-Timing header (W3C Server Timing)."""
        return ", ".join(f"{name};dur={ms}" for name, ms in self.so_far().items())
