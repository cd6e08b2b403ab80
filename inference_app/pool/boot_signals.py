"""Signals that tell a worker to stop before Gunicorn has set up its handlers.

A worker is born with the handlers of Gunicorn's master, which queue a signal for the master's loop.
Without these it would boot, serve on, and be killed when GRACEFUL_TIMEOUT has passed.
"""

import os
import signal
from functools import partial

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def end_workers_that_boot() -> None:
    """Let each process that this one forks end at once when it is told to stop."""
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, STOPPING),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, STOPPING),
        after_in_child=_end_when_told,
    )


def _end_when_told() -> None:
    for number in STOPPING:
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
