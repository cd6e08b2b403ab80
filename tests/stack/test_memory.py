"""A replica at its memory limit: requests wait or are refused, and nothing is killed."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import pytest
import requests

from benchmarks.attacks import PIXELS, json_of_lists, png, webp
from tests.conftest import ESPRESSO
from tests.stack.docker import docker, inspect_container, needs_docker
from tests.stack.running import Stack
from tests.support.server import wait_until

pytestmark = needs_docker
CLIENTS, REQUESTS = 24, 240


@pytest.fixture
def replica(stack: Stack) -> Iterator[str]:
    """Run a replica alone that has just enough memory to serve; return its container's name."""
    limit = ["--memory", "700m", "--memory-swap", "700m", "--env", "WORKERS=2"]
    name = docker("run", "-d", *limit, "--publish", "127.0.0.1::8000", "inference_app:test")
    yield name
    docker("rm", "--force", name)


def test_at_its_memory_limit_nothing_is_killed(replica: str) -> None:
    url = f"http://{docker('port', replica, '8000')}/predict"
    bodies = [
        webp(2600, 2600),  # as large as fits
        webp(16_383, PIXELS // 16_383),
        png(2600, 2600, 4),
        json_of_lists(12_000_000),
        bytes(12_000_000),
        json_of_lists(30_000_000),
    ]

    def post(body: bytes) -> int:
        return requests.post(url, body, timeout=60).status_code

    def answers() -> bool:
        try:
            return requests.get(url.replace("predict", "readyz"), timeout=5).ok
        except requests.ConnectionError:
            return False

    wait_until(answers, lambda: docker("logs", replica, merge=True))
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = Counter(pool.map(post, islice(cycle(bodies), REQUESTS)))
    print(f"{REQUESTS} large requests of {CLIENTS} clients in 700 MB: {dict(statuses)}")
    assert set(statuses) <= {200, 400, 413, 415, 503, 504}
    assert statuses[200]
    assert post(ESPRESSO.read_bytes()) == 200
    assert not inspect_container(replica)["State"]["OOMKilled"]
    assert docker("logs", replica, merge=True).count("worker ready") == 2
    events = docker("exec", replica, "sh", "-c", "cat /sys/fs/cgroup/memory.events || true")
    assert "oom_kill 0" in events or not events
