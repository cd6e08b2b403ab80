"""Decodes images in a process of its own: all other work goes before it, and it can be stopped.

In a thread, expensive images would slow down the requests beside them by more than their share of
the CPU: libraries hold Python's lock for a while, and fresh memory that one thread asks for holds
up the others. Nor may such a thread have a lower priority: it may be suspended with the lock.
"""

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.model import image
from inference_app.model.preprocessing import Preprocessing

NICE = 5  # see nice(2): a quarter of a CPU that another process wants too, so it is not starved
OOM_SCORE = 500  # see proc_pid_oom_score_adj(5): the kernel kills it rather than a worker


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
            pickle.dump((data, preprocessing, settings), process.stdin)
            process.stdin.flush()
            result: NDArray[np.uint8] | Exception = pickle.load(process.stdout)  # noqa: S301 our own
        except (OSError, EOFError, pickle.UnpicklingError):
            process.wait()
            if process.returncode == -signal.SIGKILL:
                raise MemoryError from None
            raise RuntimeError(f"the decoder ended with {process.returncode}") from None
        if isinstance(result, Exception):
            raise result
        return result

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


def main() -> None:
    """Decode what comes on stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then ends this
    with suppress(AttributeError, OSError):  # where there is none of them
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    with suppress(EOFError):
        while True:
            _decode_next(sys.stdin.buffer, sys.stdout.buffer)


def _decode_next(requests: IO[bytes], results: IO[bytes]) -> None:
    result: NDArray[np.uint8] | Exception
    try:
        result = image.decode(*pickle.load(requests))  # noqa: S301 from the worker
    except EOFError:
        raise
    except Exception as error:  # noqa: BLE001 it is raised in the worker
        result = error
    pickle.dump(result, results)
    results.flush()


if __name__ == "__main__":
    main()
