"""What a worker's native code prints to stderr, above all when it crashes.

A process that crashes cannot write a line of the log. So file descriptor 2 of the workers is a
pipe, and Gunicorn's master logs what is in it when one has ended.
"""

import faulthandler
import os

STDERR = 2
CAPACITY = 65_536  # bytes that a pipe holds, pipe(7); more is dropped instead of waited for


class CrashReport:
    """A pipe from the workers to the master."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def redirect_stderr(self) -> None:
        """Send this process's stderr into the pipe, with all stacks if it crashes."""
        os.dup2(self._writer, STDERR)
        faulthandler.enable(STDERR)

    def take(self) -> str:
        """Return what has been written since the last call."""
        try:
            return os.read(self._reader, CAPACITY).decode("utf-8", "replace")
        except BlockingIOError:
            return ""
