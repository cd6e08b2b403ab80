"""How long each stage of a request took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timing:
    """Milliseconds by stage, added up where a request passes a stage more than once."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs inside the `with` under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count `seconds` under `name`."""
        self.stages[name] = self.stages.get(name, 0.0) + seconds * 1000

    def so_far(self) -> dict[str, float]:
        """Return the stages and the `total` since the request began, in ms, to the microsecond."""
        total = (time.perf_counter() - self._start) * 1000
        return {name: round(ms, 3) for name, ms in {**self.stages, "total": total}.items()}

    def header(self) -> str:
        """Return the value of a Server-Timing header (W3C Server Timing)."""
        return ", ".join(f"{name};dur={ms}" for name, ms in self.so_far().items())
