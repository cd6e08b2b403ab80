"""Replaces a worker whose engine or decoder hangs: Gunicorn sees only that the process lives."""

import logging
import os
import threading
import time
from typing import Any, Protocol

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two looks
# Seconds of one batch, and CPU seconds of decoding one image, after which no new connections are
# taken. Decoding ends by itself long before; other requests go on beside it.
BATCH_MAX, IMAGE_MAX = 2.0, 8.0
GRACE = 1.0  # seconds beyond the deadline: NGINX has answered by then, and retries nowhere


class SupportsWatch(Protocol):
    """What may hang: it tells for how many seconds the same call has been running."""

    def inferring_for(self) -> float:
        """Return the seconds of the batch that runs now, or 0."""

    def decoding_for(self) -> float:
        """Return the CPU seconds of the longest decoding that runs now, or 0."""


def watch(worker: Any, classifier: SupportsWatch, deadline: float) -> None:
    """Look after a Gunicorn worker in the background, for as long as the process lives.

    A thread stuck in a library cannot be ended, so the process is; Gunicorn starts another.
    """
    threading.Thread(target=_watch, args=(worker, classifier, deadline), daemon=True).start()


def _watch(worker: Any, classifier: SupportsWatch, deadline: float) -> None:
    usual, late = worker.worker_connections, deadline + GRACE
    while not (stage := _hanging(classifier, late, max(late, IMAGE_MAX + GRACE))):
        # Gunicorn compares this with the connections it has before it accepts another.
        suspicious = _hanging(classifier, BATCH_MAX, IMAGE_MAX)
        worker.worker_connections = 0 if suspicious else usual
        time.sleep(INTERVAL)
    log.critical("worker hangs and is replaced", extra={"fields": {"stage": stage}})
    os._exit(1)


def _hanging(classifier: SupportsWatch, inferring: float, decoding: float) -> str | None:
    """Return the stage that has been running for more than so many seconds, or None."""
    if classifier.inferring_for() > inferring:
        return "infer"
    return "decode" if classifier.decoding_for() > decoding else None
