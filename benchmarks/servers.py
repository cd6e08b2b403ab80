"""What a server to measure is: how it is started, what it is posted, how it can be tuned."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import bodies
from benchmarks.bodies import Body

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Tuning:
    """Worker processes, CPU threads of each, and the largest batch (1: not batched)."""

    workers: int
    threads: int
    batch: int = 1

    def __str__(self) -> str:
        batch = f", batches of {self.batch}" if self.batch > 1 else ""
        return f"{self.workers} x {self.threads}{batch}"


@dataclass(frozen=True)
class Server:
    """A server. `command` is a shell's, with the names of `serving.environment` in braces."""

    name: str
    title: str
    command: str
    package: str
    body: Body = "multipart"
    form_field: str = "image"
    path: str = "/predict"
    engines: tuple[str, ...] = ("openvino",)
    batches: tuple[int, ...] = (1,)
    shapes: tuple[tuple[int, int], ...] = ((1, 2), (2, 1))  # for two cores; (2, 2) was slower
    needs: tuple[str, ...] = ()  # programs
    environment: dict[str, str] = field(default_factory=dict)

    def tunings(self) -> Iterator[Tuning]:
        """Yield what the sweep tries. One worker with one thread cannot use two cores."""
        for batch in self.batches:
            for workers, threads in self.shapes:
                yield Tuning(workers, threads, batch)

    def encode(self, picture: bytes) -> bytes:
        """Return the body of a request for a picture."""
        return bodies.encode(picture, self.body, self.form_field)

    @property
    def content_type(self) -> str:
        """The Content-Type of what it is posted."""
        return bodies.content_type(self.body)

    @property
    def folder(self) -> Path:
        """The folder of its code."""
        return ROOT

    def environment_name(self, engine: str) -> str:
        """Return the name of the virtual environment that it is installed in with this engine."""
        raise NotImplementedError

    def requirements(self, engine: str) -> list[Path]:
        """Return the files that pin all packages of this server with this engine."""
        raise NotImplementedError
