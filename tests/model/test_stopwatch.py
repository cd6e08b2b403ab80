"""How long a thread has been computing, seen from another."""

import threading
import time

from inference_app.model.stopwatch import Stopwatch
from tests.support.server import wait_until


def test_nothing_runs_at_first() -> None:
    stopwatch = Stopwatch()
    assert stopwatch.longest() == 0
    with stopwatch.measure():
        pass
    assert stopwatch.longest() == 0


def test_a_thread_that_computes_is_seen_from_another() -> None:
    stopwatch, stop = Stopwatch(), threading.Event()

    def compute() -> None:
        with stopwatch.measure():
            while not stop.is_set():
                pass

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        wait_until(lambda: stopwatch.longest() > 0.2, "it computes")
    finally:
        stop.set()
        thread.join()
    assert stopwatch.longest() == 0


def test_a_thread_that_waits_does_not_compute() -> None:
    stopwatch = Stopwatch()
    with stopwatch.measure():
        time.sleep(0.5)
        assert stopwatch.longest() < 0.4
