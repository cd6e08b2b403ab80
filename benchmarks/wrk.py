"""The client: wrk, https://github.com/wg/wrk. Closed loop: each connection awaits its response."""

import os
import re
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("rotate.lua")
CPU_LIMIT = 0.05  # of all cores; a client that takes more disturbs what it measures
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Load:
    """What one run of wrk found. Errors are statuses above 399 and failed connections."""

    clients: int
    answers: int
    images_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    non_2xx: int
    socket_errors: int
    client_cpu_share: float

    @property
    def errors(self) -> int:
        """Requests that failed, however they did."""
        return self.non_2xx + self.socket_errors

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)


def parse(output: str, clients: int, client_cpu_share: float) -> Load:
    """Read wrk's report; only statuses of 2xx and 3xx count as images. Raises ValueError."""
    summary = re.search(r"(\d+) requests in ([\d.]+[a-z]+)", output)
    if not summary:
        raise ValueError(f"not a report of wrk: {output}")
    answers, non_2xx = int(summary[1]), _number(r"Non-2xx or 3xx responses: (\d+)", output)
    socket = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return Load(
        clients=clients,
        answers=answers,
        images_per_s=round((answers - non_2xx) / seconds(summary[2]), 2),
        p50_ms=_percentile(50, output) if answers else None,
        p99_ms=_percentile(99, output) if answers else None,
        non_2xx=non_2xx,
        socket_errors=sum(map(int, socket.groups())) if socket else 0,
        client_cpu_share=round(client_cpu_share, 4),
    )


def seconds(text: str) -> float:
    """Read a time as wrk writes it: 12.30us, 1.23ms, 10.02s, 1.00m."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * _SECONDS[unit]


def _number(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    return int(found[1]) if found else 0


def _percentile(percent: int, output: str) -> float | None:
    found = re.search(rf"^ +{percent}% +([\d.]+[a-z]+) *$", output, re.MULTILINE)
    return round(seconds(found[1]) * 1000, 2) if found else None


def run(url: str, bodies: Path, headers: Mapping[str, str], clients: int, duration: int) -> Load:
    """Load the server for `duration` seconds; `bodies` lists the files to post in turn."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{duration}s", "--latency", "--timeout", "120s"]
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    environment = os.environ | {"BODIES": str(bodies), "HEADERS": lines}
    before, start = _cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=duration + 180,
        check=True,
    )
    wall = time.perf_counter() - start
    share = (_cpu_seconds() - before) / wall / (os.cpu_count() or 1)
    return parse(done.stdout, clients, share)


def _cpu_seconds() -> float:
    """CPU time of children that have ended: between two calls, of wrk."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
