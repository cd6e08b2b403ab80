"""Whether a worker's memory stays flat: thousands of requests of every kind, good and bad."""

import random
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, pictures, processes
from benchmarks.worker import children, serving, wait_for
from inference_app.config import Settings

REQUESTS, WARM_UP, EVERY = 20_000, 2_000, 1_000  # the warm-up is the first of all
CLIENTS, SEED = 8, 0
# How many of 1,000 requests: the last three kinds are bad, and large pictures few.
MIX = {
    "photo": 340,
    "small JPEG": 200,
    "PNG": 200,
    "WebP": 200,
    "12 MP JPEG": 5,
    "12 MP progressive JPEG": 5,
    "truncated JPEG": 20,
    "not a picture": 20,
    "empty body": 10,
}


def measure(model: Path) -> dict[str, Any]:
    """Return MB of PSS of each worker after every EVERY requests, and how much it grew."""
    name, photos = pictures.photos()
    posted, workers, samples = bodies(photos), Settings().workers, []
    statuses: Counter[tuple[str, int]] = Counter()
    with serving(model, workers) as (url, master), ThreadPoolExecutor(CLIENTS) as clients:
        wait_for(f"{url}/readyz")
        for some in order():
            statuses.update(clients.map(partial(_post, f"{url}/predict", posted), some))
            samples.append({pid: processes.pss_mb([pid]) for pid in children(master)})
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": name,
        "workers": workers,
        "requests": REQUESTS,
        "warm_up": WARM_UP,
        "statuses": by_kind(statuses),
        "pss_mb_a_worker": [list(each.values()) for each in samples],
        "grown_mb_max": grown(samples[WARM_UP // EVERY - 1 :]),
    }


def bodies(photos: list[bytes]) -> dict[str, list[bytes]]:
    """Return the bodies of each kind in the mix."""
    return {kind: make(photos) for kind, make in pictures.KINDS.items() if kind in MIX} | {
        "photo": photos,
        "truncated JPEG": [photo[: len(photo) // 2] for photo in photos],
        "not a picture": [b"not a picture " * 1000],
        "empty body": [b""],
    }


def order() -> list[list[tuple[int, str]]]:
    """Return numbered kinds in the mix's shares, EVERY at a time; the same every time."""
    kinds = [kind for kind, share in MIX.items() for _ in range(REQUESTS * share // 1000)]
    random.Random(SEED).shuffle(kinds)  # noqa: S311 not for secrets
    numbered = list(enumerate(kinds))
    return [numbered[start : start + EVERY] for start in range(0, REQUESTS, EVERY)]


def _post(url: str, posted: dict[str, list[bytes]], numbered: tuple[int, str]) -> tuple[str, int]:
    number, kind = numbered
    request = urllib.request.Request(url, posted[kind][number % len(posted[kind])])
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return kind, answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return kind, error.code


def by_kind(statuses: Counter[tuple[str, int]]) -> dict[str, dict[str, int]]:
    """Return how often each kind was answered with each status."""
    found: dict[str, dict[str, int]] = {kind: {} for kind in MIX}
    for (kind, status), count in sorted(statuses.items()):
        found[kind][str(status)] = count
    return found


def grown(samples: list[dict[int, float]]) -> float:
    """Return the most MB that a worker grew by, from the first sample to the last.

    Raises RuntimeError if a worker died: the one that took its place began anew.
    """
    first, last = samples[0], samples[-1]
    if first.keys() != last.keys():
        raise RuntimeError(f"a worker died: {sorted(first)} became {sorted(last)}")
    return round(max(last[pid] - first[pid] for pid in first), 1)
