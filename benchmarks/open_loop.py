"""An open load: requests are sent on time, whether or not the ones before have a response."""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 64  # that may wait at once


def post_at(
    moments: Sequence[float], url: str, posts: list[bytes], content_type: str
) -> list[tuple[int, float]]:
    """Post at these moments, in seconds from now; return statuses, and seconds from when due.

    A request that is sent late, since all clients wait, counts from when it was due too.
    """
    start = time.perf_counter()

    def post(number: int) -> tuple[int, float]:
        due = start + moments[number]
        time.sleep(max(0.0, due - time.perf_counter()))
        status = _status(url, posts[number % len(posts)], content_type)
        return status, time.perf_counter() - due

    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(post, range(len(moments))))


def percentile(seconds: list[float], percent: int) -> float:
    """Return a percentile in ms."""
    return round(float(sorted(seconds)[len(seconds) * percent // 100]) * 1000, 1)


def _status(url: str, body: bytes, content_type: str) -> int:
    try:
        request = urllib.request.Request(url, body, {"Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=60) as response:
            response.read()
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
