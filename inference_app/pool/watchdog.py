"""Replaces a worker whose engine hangs: Gunicorn sees only that the process lives."""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two looks
SUSPICIOUS = 2.0  # seconds of one batch after which no new connections are taken
GRACE = 1.0  # seconds beyond the deadline: NGINX has answered by then, and asks nobody else


def watch(worker: Any, busy_for: Callable[[], float], deadline: float) -> None:
    """Look after a Gunicorn worker in the background, for as long as the process lives.

    `busy_for` tells for how many seconds the present batch has been running. A thread stuck in a
    library cannot be ended, so the process is; Gunicorn starts another.
    """
    threading.Thread(target=_watch, args=(worker, busy_for, deadline), daemon=True).start()


def _watch(worker: Any, busy_for: Callable[[], float], deadline: float) -> None:
    usual = worker.worker_connections
    while (seconds := busy_for()) < deadline + GRACE:
        # Gunicorn compares this with the connections it has before it accepts another.
        worker.worker_connections = 0 if seconds > SUSPICIOUS else usual
        time.sleep(INTERVAL)
    log.critical("inference hangs, the worker is replaced", extra={"fields": {"seconds": seconds}})
    os._exit(1)
