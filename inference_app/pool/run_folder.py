"""What a running server and a command on its machine tell each other: files in a folder in memory.

lock     held for as long as the server lives
served   the prepared model that is served
wanted   the one to be served instead: a command writes it, the server takes it away
outcome  what became of that: ``served`` or ``dropped``
swap     held by the command that asks
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from inference_app.errors import UserError
from inference_app.model.prepared import PreparedModel
from inference_app.pool import shared_memory

SERVED, DROPPED = "served", "dropped"
POLL = 0.1  # seconds between two looks for the outcome


class Served(NamedTuple):
    """A prepared model: the digest that it had, and its folder, which may have changed since."""

    digest: str
    folder: Path

    @classmethod
    def of(cls, model: PreparedModel) -> "Served":
        """Return what servers and commands tell each other of a model."""
        return cls(model.digest, model.folder.resolve())


class RunFolder:
    """The folder of one server, which only its user can enter."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, port: int, served: Served) -> "RunFolder":
        """Make the folder of a server that will listen on `port`."""
        made = cls(Path(tempfile.mkdtemp(prefix=_prefix(port), dir=shared_memory.folder())))
        made.served = served
        return made

    @classmethod
    def find(cls, port: int) -> "RunFolder":
        """Return the folder of this user's server on `port`; raises UserError if there is none."""
        parent = Path(shared_memory.folder() or tempfile.gettempdir())
        for path in parent.glob(f"{_prefix(port)}*"):
            if path.stat().st_uid == os.geteuid() and cls(path).is_alive():
                return cls(path)
        raise UserError(
            f"no server of this user runs on port {port}: start one with inference-app serve, or "
            "name its port with PORT=..."
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let this process, with those that it forks, be the server while the `with` lasts."""
        with (self.path / "lock").open("w") as file:
            _lock(file)
            yield

    def is_alive(self) -> bool:
        """Return whether the server lives."""
        try:
            with (self.path / "lock").open() as file:
                return not _lock(file)
        except FileNotFoundError:
            return False

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Let no other command ask while the `with` lasts; raises UserError if one does already."""
        with (self.path / "swap").open("w") as file:
            if not _lock(file):
                raise UserError("another swap is under way: wait for its end")
            yield

    def ask(self, wanted: Served) -> bool:
        """Ask the server for another model; return whether all its workers serve it in the end.

        Raises UserError if the server stops meanwhile.
        """
        (self.path / "outcome").unlink(missing_ok=True)
        self._write("wanted", _text(wanted))
        while (outcome := self._read("outcome")) is None:
            if not self.is_alive():
                raise UserError("the server has stopped")
            time.sleep(POLL)
        return outcome == SERVED

    def take_wanted(self) -> Served | None:
        """Return the model that a command asks for, once."""
        wanted = self._read("wanted")
        (self.path / "wanted").unlink(missing_ok=True)
        return None if wanted is None else _served(wanted)

    def report(self, outcome: str) -> None:
        """Tell the command that asked what became of it."""
        self._write("outcome", outcome)

    @property
    def served(self) -> Served:
        """The model that is served."""
        return _served(self._read("served") or "")

    @served.setter
    def served(self, model: Served) -> None:
        self._write("served", _text(model))

    def _read(self, name: str) -> str | None:
        try:
            return os.fsdecode((self.path / name).read_bytes())
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        """Write a file that no reader sees half of."""
        new = self.path / f"{name}.new"
        new.write_bytes(os.fsencode(text))
        new.replace(self.path / name)


def _prefix(port: int) -> str:
    return f"inference_app-{port}-"


def _text(model: Served) -> str:
    return f"{model.digest} {model.folder}"


def _served(text: str) -> Served:
    digest, _, folder = text.partition(" ")
    return Served(digest, Path(folder))


def _lock(file: IO[str]) -> bool:
    """Lock a file for as long as it is open; return False if somebody else has."""
    import fcntl  # Windows has none, and no server that holds one

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
