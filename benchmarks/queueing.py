"""How long requests take on several replicas: a simulation from measurements of one.

A replica works on all the requests that it holds at once, each with the same share of it (processor
sharing): with k of them it serves X(k) a second, as many as k clients get
that each await their response. NGINX deals requests out in turn, and they arrive at random (a
Poisson process). So each of n replicas gets every n-th, and one of them stands for all.
"""

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.open_loop import percentile

REQUESTS, SEED = 50_000, 0
BUSIEST = 0.95  # of what a replica can do: beyond that, waiting grows without end


@dataclass(frozen=True)
class Replica:
    """What one replica was measured at.

    `throughput` is X: requests/s by the number of clients that await their responses, linear in
    between, level beyond. `works` is the work of single requests, 1 on average: their times without
    others.
    """

    throughput: Mapping[int, float]
    works: list[float]

    @property
    def max_rate(self) -> float:
        """Requests/s that it can do for long: with as many clients as were tried."""
        return self.throughput[max(self.throughput)]

    def mean(self, other: "Replica") -> "Replica":
        """Return what two measurements of a replica say together."""
        throughput = {k: (x + other.throughput[k]) / 2 for k, x in self.throughput.items()}
        return Replica(throughput, [*self.works, *other.works])

    def rate(self, count: int) -> float:
        """Return X(count), in requests/s."""
        return float(np.interp(count, *self._curve))

    @cached_property
    def _curve(self) -> tuple[list[int], list[float]]:
        counts = sorted(self.throughput)
        return counts, [self.throughput[each] for each in counts]


def percentiles(replica: Replica, replicas: int, rate: float) -> tuple[float, float]:
    """Return the p50 and p99, in ms, of `rate` requests/s on so many replicas."""
    if rate > BUSIEST * replicas * replica.max_rate:
        return math.inf, math.inf
    rng = np.random.default_rng(SEED)
    arrivals = poisson(rng, rate, REQUESTS * replicas)[::replicas]
    works = rng.choice(replica.works, REQUESTS)
    spent = times(replica, zip(arrivals, works, strict=True))
    return percentile(spent, 50), percentile(spent, 99)


def poisson(rng: np.random.Generator, rate: float, count: int) -> NDArray[np.float64]:
    """Return moments, in seconds, at which `rate` requests/s come at random."""
    return np.cumsum(rng.exponential(1 / rate, count))


def times(replica: Replica, requests: Iterable[tuple[float, float]]) -> list[float]:
    """Return the seconds that requests, given as (moment of arrival, work), spend in a replica."""
    spent: list[float] = []
    held: list[tuple[float, float]] = []  # a heap: `each` when it will be done; when it arrived
    now = each = 0.0  # seconds; the work that a request would have had done that was always there
    for arrival, work in itertools.chain(requests, [(math.inf, 0.0)]):
        while held:
            speed = replica.rate(len(held)) / len(held)
            done = now + (held[0][0] - each) / speed
            if done > arrival:
                each += (arrival - now) * speed
                break
            now = done
            each, arrived = heapq.heappop(held)
            spent.append(done - arrived)
        now = arrival
        heapq.heappush(held, (each + work, arrival))
    return spent


def needed(replica: Replica, rate: float, p99_ms: float) -> int:
    """Return the fewest replicas with which `rate` requests/s have this p99.

    Raises ValueError if no number does: a single request takes longer.
    """
    if percentile([work / replica.rate(1) for work in replica.works], 99) > p99_ms:
        raise ValueError("a single picture takes longer on one replica")
    first = max(1, math.ceil(rate / (BUSIEST * replica.max_rate)))
    return next(n for n in itertools.count(first) if percentiles(replica, n, rate)[1] <= p99_ms)
