"""What a lone client gains by sending several pictures in one request."""

import base64
import itertools
import json
import statistics
import time
import urllib.request
from pathlib import Path

from benchmarks import machine, ours, pictures
from inference_app.model import prepared

COUNTS = (2, 4, 8, 16)
ROUNDS, WARM_UP = 12, 20


def measure(model: Path) -> dict[str, object]:
    """Return medians of the seconds that pictures take in one request, and in one each.

    The two take turns, so that they meet the same machine. Bodies are base64 JSON in both.
    """
    name, photos = pictures.photos()
    with ours.app_alone(model, ours.DEFAULT.workers) as (url, _):
        ours.wait_for(f"{url}/readyz")
        for photo in itertools.islice(itertools.cycle(photos), WARM_UP):
            _post(url, [photo])
        rounds = [
            _compare(url, photos[start:] + photos[:start], count)
            for start, count in itertools.product(range(ROUNDS), COUNTS)
        ]
    by_pictures = {count: _summary(rounds[at :: len(COUNTS)]) for at, count in enumerate(COUNTS)}
    return {
        "model": prepared.read(model).name,
        "machine": machine.facts(),
        "pictures": name,
        "rounds": ROUNDS,
        "by_pictures": by_pictures,
    }


def _compare(url: str, photos: list[bytes], count: int) -> tuple[float, float]:
    """Return the seconds of one request with so many photos, and of as many with one."""
    return _post(url, photos[:count]), sum(_post(url, [photo]) for photo in photos[:count])


def _summary(seconds: list[tuple[float, float]]) -> dict[str, float]:
    together, apart = (statistics.median(each) for each in zip(*seconds, strict=True))
    return {
        "together_ms": round(together * 1000, 1),
        "apart_ms": round(apart * 1000, 1),
        "times_as_fast": round(apart / together, 2),
    }


def _post(url: str, photos: list[bytes]) -> float:
    body = json.dumps({"image": [base64.b64encode(photo).decode() for photo in photos]}).encode()
    start = time.perf_counter()
    urllib.request.urlopen(urllib.request.Request(f"{url}/predict", body), timeout=60).close()
    return time.perf_counter() - start
