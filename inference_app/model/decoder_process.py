"""Decodes images in a process of its own: all other work goes before it, and it can be stopped.

In a thread, expensive images would slow down the requests beside them by more than their share of
the CPU: libraries hold Python's lock for a while, and fresh memory that one thread asks for holds
up the others. Nor may such a thread have a lower priority: it may be suspended with the lock.

A request is a line of JSON, then the image. A reply is a line of JSON, then the pixels unless there
is an error. Nothing is pickled: an image that takes the process over must not get the worker too.
"""

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.errors import BadRequest, DamagedPicture, TooLarge, UnsupportedPicture
from inference_app.model import image
from inference_app.model.preprocessing import Preprocessing

NICE = 5  # see nice(2): a quarter of a CPU that another process wants too, so it is not starved
OOM_SCORE = 500  # see proc_pid_oom_score_adj(5): the kernel kills it rather than a worker
USED = ("picture_formats", "max_megapixels", "max_decode_seconds")  # settings that decoding obeys
MAX_LINE = 100_000  # bytes; longer than any traceback
# Errors that keep their type; the others are faults of ours, and become RuntimeError.
ERRORS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (BadRequest, DamagedPicture, MemoryError, TooLarge, UnsupportedPicture)
}


class DecoderProcess:
    """A process that decodes one image after the other; it is started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # over the two below
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        atexit.register(self.close)

    def decode(
        self, data: bytes, preprocessing: Preprocessing, settings: Settings
    ) -> NDArray[np.uint8]:
        """Do what `image.decode` does, and raise what it raises.

        Raises MemoryError if the process was killed, as the kernel does when memory is short, and
        RuntimeError if it ended otherwise.
        """
        process = self._running()
        assert process.stdin  # noqa: S101 both are pipes
        assert process.stdout  # noqa: S101
        try:
            _write_request(process.stdin, data, preprocessing, settings)
            return _read_reply(process.stdout, preprocessing)
        except ValueError as error:
            process.kill()
            raise RuntimeError("the decoder sent no valid reply") from error
        except (OSError, EOFError):
            process.wait()
            if process.returncode == -signal.SIGKILL:
                raise MemoryError from None
            raise RuntimeError(f"the decoder ended with {process.returncode}") from None

    def stop(self) -> None:
        """End the process, whatever it does; the next image starts another."""
        with self._lock:
            if self._process:
                self._process.kill()
                self._stopped = True

    def close(self) -> None:
        """End the process, and wait for its end."""
        self.stop()
        with self._lock:
            self._reap()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process and (self._stopped or self._process.poll() is not None):
                self._reap()
            if not self._process:
                self._process, self._stopped = _start(), False
            return self._process

    def _reap(self) -> None:
        process, self._process = self._process, None
        if process:
            with suppress(OSError), process:  # waits for its end, and closes the pipes
                pass


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 this very module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _write_request(
    pipe: IO[bytes], data: bytes, preprocessing: Preprocessing, settings: Settings
) -> None:
    used = {name: getattr(settings, name) for name in USED}
    head = {"length": len(data), "preprocessing": preprocessing.to_json(), "settings": used}
    pipe.write(json.dumps(head).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def _read_request(pipe: IO[bytes]) -> tuple[bytes, Preprocessing, Settings]:
    head = _read_line(pipe)
    used = head["settings"] | {"picture_formats": tuple(head["settings"]["picture_formats"])}
    preprocessing = Preprocessing.from_json(head["preprocessing"])
    return _read(pipe, head["length"]), preprocessing, replace(Settings(), **used)


def _read_reply(pipe: IO[bytes], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    head = _read_line(pipe)
    if head:
        raise ERRORS.get(head["error"], RuntimeError)(head["message"])
    shape = (*preprocessing.crop, 3)
    return np.frombuffer(_read(pipe, math.prod(shape)), np.uint8).reshape(shape)


def _read_line(pipe: IO[bytes]) -> dict[str, Any]:
    line = pipe.readline(MAX_LINE)
    if not line:
        raise EOFError
    head: dict[str, Any] = json.loads(line)
    return head


def _read(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """Decode what comes on stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then ends this
    yield_to_others()
    with suppress(EOFError):
        while True:
            _reply(sys.stdout.buffer, *_read_request(sys.stdin.buffer))


def yield_to_others() -> None:
    """Let the workers have the CPU first, and their memory longest."""
    with suppress(AttributeError, OSError):  # where there is none of them
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def _reply(pipe: IO[bytes], data: bytes, preprocessing: Preprocessing, settings: Settings) -> None:
    head, pixels = {}, b""
    try:
        pixels = image.decode(data, preprocessing, settings).tobytes()
    except Exception as error:  # noqa: BLE001 it is raised in the worker
        name = type(error).__name__
        head = {"error": name, "message": str(error) if name in ERRORS else traceback.format_exc()}
    pipe.write(json.dumps(head).encode() + b"\n" + pixels)
    pipe.flush()


if __name__ == "__main__":
    main()
