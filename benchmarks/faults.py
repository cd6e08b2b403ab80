"""What clients see while workers are killed, and beside hundreds of stalled clients."""

import math
import os
import random
import signal
import socket
import statistics
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import machine, open_loop, ours, pictures
from benchmarks.serving import Plan, Running

RATE, REQUESTS, KILL_EVERY = 40, 1000, 1.2  # requests/s; requests; seconds
SEED = 0
STALLED, ROUNDS = 200, 5


def measure(model: Path, source: Path) -> dict[str, Any]:
    """Return failures and latencies of an open load, undisturbed and while workers are killed."""
    _, photos = pictures.photos()
    plan = Plan(source, model, photos, (1,), 5)
    with ours.warmed_up(plan) as running:
        posts = [running.server.encode(photo) for photo in photos]
        undisturbed = steady(running, posts)
        with killing(running.process) as kills:
            disturbed = steady(running, posts)
        alone = p99_ms(running)
        with stalled(running.url):
            beside_stalled = p99_ms(running)
    return {
        "machine": machine.facts(),
        "rate_per_s": RATE,
        "requests": REQUESTS,
        "workers_killed": kills.count,
        "undisturbed": undisturbed,
        "while_workers_are_killed": disturbed,
        "p99_ms_of_4_clients": alone,
        "p99_ms_of_4_clients_beside_stalled_ones": beside_stalled,
    }


def p99_ms(running: Running) -> float:
    """Return the p99 of four clients, the median of ROUNDS."""
    return statistics.median(running.load(4, 2).p99_ms or math.inf for _ in range(ROUNDS))


@contextmanager
def stalled(url: str) -> Iterator[None]:
    """Keep STALLED connections with half a header, and as many with half a body, for the `with`.

    NGINX cuts them off after 10 s; then they connect again.
    """
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname
    assert parts.port
    head = f"POST {parts.path} HTTP/1.1\r\nHost: a\r\n".encode()
    starts = [head, head + b"Content-Length: 100000\r\n\r\nhalf"] * STALLED
    stop = threading.Event()
    address = parts.hostname, parts.port

    def stall() -> None:
        while not stop.is_set():
            with ExitStack() as connections:
                for start in starts:
                    connection = connections.enter_context(socket.create_connection(address))
                    connection.sendall(start)
                stop.wait(11)

    thread = threading.Thread(target=stall)
    thread.start()
    time.sleep(1)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def steady(running: Running, posts: list[bytes]) -> dict[str, Any]:
    """Post at RATE; return how many failed, and latencies."""
    moments = [number / RATE for number in range(REQUESTS)]
    outcomes = open_loop.post_at(moments, running.url, posts, running.server.content_type)
    times = [seconds for _, seconds in outcomes]
    return {
        "failed": sum(status != 200 for status, _ in outcomes),
        "p50_ms": open_loop.percentile(times, 50),
        "p99_ms": open_loop.percentile(times, 99),
    }


class killing:  # noqa: N801 used as a function
    """Kills a random worker every KILL_EVERY seconds while the `with` lasts."""

    def __init__(self, shell: subprocess.Popen[bytes]) -> None:
        self.count = 0
        self._shell = shell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "killing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        rng = random.Random(SEED)  # noqa: S311 not for secrets
        while not self._stop.wait(KILL_EVERY):
            if workers := ours.gunicorn_workers(self._shell.pid):
                os.kill(rng.choice(workers), signal.SIGKILL)
                self.count += 1
