"""What is left for normal clients beside two that send expensive requests, over and over.

Each client has an address of its own, and sends a request when it has the response to the one
before. A normal client that is refused waits a second, as the one in post_request does; an attacker
does not wait.
"""

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

from benchmarks import machine, ours, pictures
from benchmarks.attacks import attacks
from benchmarks.closed_loop import Post, post_until, slowest_get
from benchmarks.serving import Plan

NORMAL, ATTACKERS = 4, 2
WARM_UP, PAUSE, READYZ_EVERY = 2, 1, 0.05  # seconds


@dataclass(frozen=True)
class Load:
    """How often the clients of each kind got each status, and the longest time of /readyz."""

    normal: Counter[str]
    attackers: Counter[str]
    readyz_max_ms: float


def measure(model: Path, seconds: int, only: str) -> dict[str, Any]:
    """Return what normal clients get alone and beside each attack that has `only` in its name."""
    kind, photos = pictures.photos()
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": kind,
        "normal_clients": NORMAL,
        "attackers": ATTACKERS,
        "seconds": seconds,
        "attacks": {
            name: {"bytes": len(attack[0])} | beside(attack, model, photos, seconds)
            for name, attack in attacks()
            if only in name
        },
    }


def beside(attack: Post, model: Path, photos: list[bytes], seconds: int) -> dict[str, Any]:
    """Return the normal clients' results per second, alone and beside the attack.

    Both are of the same server and follow each other, so that their ratio holds on a machine whose
    speed drifts.
    """
    plan = Plan(model, model, photos, (), seconds)
    with ours.running(plan) as running:
        load(running.url, photos, WARM_UP)
        workers = set(ours.gunicorn_workers(running.process.pid))
        alone = load(running.url, photos, seconds)
        attacked = load(running.url, photos, seconds, attack)
        lost = workers - set(ours.gunicorn_workers(running.process.pid))
    rates = [round(each.normal["200"] / seconds, 1) for each in (alone, attacked)]
    return {
        "alone_per_s": rates[0],
        "beside_per_s": rates[1],
        "share": round(rates[1] / rates[0], 2),
        "readyz_max_ms": attacked.readyz_max_ms,
        "normal_statuses": attacked.normal,
        "attackers_statuses": attacked.attackers,
        "workers_lost": len(lost),
    }


def load(url: str, photos: list[bytes], seconds: float, attack: Post | None = None) -> Load:
    """Load the server for so many seconds with normal clients, and attackers if there is one."""
    end = time.monotonic() + seconds
    readyz = url.replace("/predict", "/readyz")
    posts = [(photo, "image/jpeg") for photo in photos]
    with ThreadPoolExecutor(NORMAL + ATTACKERS + 1) as pool:

        def client(number: int, posts: Iterable[Post], pause: float) -> Future[Counter[str]]:
            return pool.submit(post_until, end, url, f"127.0.0.{number}", posts, pause)

        ready = pool.submit(slowest_get, end, readyz, "127.0.0.1", READYZ_EVERY)
        normal = [client(2 + at, cycle(posts[at:] + posts[:at]), PAUSE) for at in range(NORMAL)]
        attackers = [client(100 + at, repeat(attack), 0) for at in range(ATTACKERS) if attack]
    return Load(_together(normal), _together(attackers), ready.result())


def _together(clients: list[Future[Counter[str]]]) -> Counter[str]:
    return sum((each.result() for each in clients), Counter())


def table(results: dict[str, Any]) -> str:
    """Return the share that each attack leaves, a line each."""
    head = f"{'share':>5} {'alone/s':>8} {'beside/s':>8} {'readyz ms':>9}  attack"
    rows = [
        f"{row['share']:5.2f} {row['alone_per_s']:8.1f} {row['beside_per_s']:8.1f} "
        f"{row['readyz_max_ms']:9.0f}  {name}, {row['bytes']:,} bytes"
        for name, row in results["attacks"].items()
    ]
    return "\n".join([head, *rows])
