"""When each stage of a request began and ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Passage(NamedTuple):
    """A stage that a request passed, and when, in seconds on `time.perf_counter`'s clock."""

    stage: str
    start: float
    end: float


class Timing:
    """The stages that a request passed, in order; one for each picture where there are several."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.passages: list[Passage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs inside the `with` under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, start, time.perf_counter())

    def add(self, name: str, start: float, end: float) -> None:
        """Count the time from `start` to `end`, as in Passage, under `name`."""
        self.passages.append(Passage(name, start, end))

    @property
    def stages(self) -> dict[str, float]:
        """Milliseconds by stage, added up where a request passed a stage more than once."""
        stages: dict[str, float] = {}
        for name, start, end in self.passages:
            stages[name] = stages.get(name, 0.0) + (end - start) * 1000
        return stages

    def so_far(self) -> dict[str, float]:
        """Return the stages and the `total` since the request began, in ms, to the microsecond."""
        total = (time.perf_counter() - self.start) * 1000
        return {name: round(ms, 3) for name, ms in {**self.stages, "total": total}.items()}

    def header(self) -> str:
        """Return the value of a Server-Timing header (W3C Server Timing)."""
        return ", ".join(f"{name};dur={ms}" for name, ms in self.so_far().items())
