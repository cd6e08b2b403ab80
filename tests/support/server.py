"""A small real server: `python -m inference_app serve` on a free port of the loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import REPO

# What a process needs of its surroundings; settings of the caller's are none of it.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


def environment(**settings: str | Path) -> dict[str, str]:
    """Return an environment with just these settings of the server."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PYTHONPATH": str(REPO)} | {k: str(value) for k, value in settings.items()}


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], object], why: str | Callable[[], str], within: float = 30
) -> None:
    """Return as soon as the condition is true; fail after so many seconds, and say `why`."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(why if isinstance(why, str) else why())
        time.sleep(0.02)


@dataclass
class Server:
    """A server that runs, and what it has written."""

    process: subprocess.Popen[bytes]
    port: int
    stdout: Path
    stderr: Path

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def log(self, **fields: object) -> list[dict[str, Any]]:
        """Return the lines of the log that hold these fields; each line must be JSON."""
        whole = self.stdout.read_text("utf-8").rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.split("\n") if line]
        return [line for line in lines if fields.items() <= line.items()]

    def workers(self) -> list[int]:
        """Return the process ids of all workers that ever became ready."""
        return [line["pid"] for line in self.log(message="worker ready")]

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are; return everything that is answered."""
        with self.connect() as connection:
            connection.sendall(request)
            return receive(connection)

    def refuses(self) -> bool:
        """Return whether nobody listens any more."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self.process.poll() is not None


def receive(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def serving(
    folder: Path, module: str = "inference_app", **settings: str | Path
) -> Iterator[Server]:
    """Serve with two workers while the `with` lasts; the server writes to files in `folder`."""
    port = free_port()
    stdout, stderr = folder / "stdout", folder / "stderr"
    settings = {"PORT": str(port), "WORKERS": "2", **settings}
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "serve"],
            env=environment(**settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    server = Server(process, port, stdout, stderr)
    try:
        wait_until(
            lambda: server.ended() or len(server.workers()) == int(str(settings["WORKERS"])),
            "all workers are ready",
            within=180,  # to import torch takes long on a busy machine
        )
        assert not server.ended(), stderr.read_text() + stdout.read_text()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
