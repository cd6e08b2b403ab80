"""Whether a worker grows: thousands of requests of every kind, good and bad."""

import random
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine, ours, pictures, processes
from inference_app.config import Settings

SAMPLES, WARM_UP = 20, 2  # a sample is a twentieth of the requests; the first are the warm-up
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


Outcome = tuple[str, int, int, bytes]  # kind, which of its pictures, status, body


def measure(model: Path, requests: int) -> dict[str, Any]:
    """Return MB of PSS, files and threads of each worker in twenty samples, and its growth."""
    name, photos = pictures.photos()
    posted, workers, samples = bodies(photos), Settings().workers, []
    seen: Counter[Outcome] = Counter()
    with ours.app_alone(model, workers) as (url, master), ThreadPoolExecutor(CLIENTS) as clients:
        ours.wait_for(f"{url}/readyz")
        for some in order(requests):
            seen.update(clients.map(partial(_post, f"{url}/predict", posted), some))
            samples.append({pid: _sample(pid) for pid in processes.children(master)})
    pss = [{pid: sample["pss_mb"] for pid, sample in each.items()} for each in samples]
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": name,
        "workers": workers,
        "requests": requests,
        "warm_up": requests * WARM_UP // SAMPLES,
        "statuses": by_kind(seen),
        "pictures_answered_in_more_than_one_way": changeable(seen),
        "a_worker": [list(each.values()) for each in samples],
        "grown_mb_max": grown(pss[WARM_UP - 1 :]),
    }


def _sample(pid: int) -> dict[str, float]:
    process = psutil.Process(pid)
    return {
        "pss_mb": processes.pss_mb([pid]),
        "files": process.num_fds(),
        "threads": process.num_threads(),
    }


def bodies(photos: list[bytes]) -> dict[str, list[bytes]]:
    """Return the bodies of each kind in the mix."""
    return {kind: make(photos) for kind, make in pictures.KINDS.items() if kind in MIX} | {
        "photo": photos,
        "truncated JPEG": [photo[: len(photo) // 2] for photo in photos],
        "not a picture": [b"not a picture " * 1000],
        "empty body": [b""],
    }


def order(requests: int) -> list[list[tuple[int, str]]]:
    """Return numbered kinds in the mix's shares, a sample's at a time; the same every time."""
    kinds = [kind for kind, share in MIX.items() for _ in range(requests * share // 1000)]
    random.Random(SEED).shuffle(kinds)  # noqa: S311 not for secrets
    numbered, every = list(enumerate(kinds)), requests // SAMPLES
    return [numbered[start : start + every] for start in range(0, requests, every)]


def _post(url: str, posted: dict[str, list[bytes]], numbered: tuple[int, str]) -> Outcome:
    number, kind = numbered
    which = number % len(posted[kind])
    request = urllib.request.Request(url, posted[kind][which])
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return kind, which, response.status, response.read()
    except urllib.error.HTTPError as error:
        error.close()
        return kind, which, error.code, b""


def by_kind(seen: Counter[Outcome]) -> dict[str, dict[str, int]]:
    """Return how often each kind got each status."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in MIX}
    for (kind, _, status, _), count in seen.items():
        found[kind][str(status)] += count
    return {kind: dict(sorted(counts.items())) for kind, counts in found.items()}


def changeable(seen: Counter[Outcome]) -> int:
    """Return how many pictures did not get the same response every time."""
    ways = Counter((kind, which) for kind, which, _, _ in seen)
    return sum(count > 1 for count in ways.values())


def grown(samples: list[dict[int, float]]) -> float:
    """Return the largest growth of a worker in MB, from the first sample to the last.

    Raises RuntimeError if a worker died: the one that took its place began anew.
    """
    first, last = samples[0], samples[-1]
    if first.keys() != last.keys():
        raise RuntimeError(f"a worker died: {sorted(first)} became {sorted(last)}")
    return round(max(last[pid] - first[pid] for pid in first), 1)
