"""A closed load against a small server."""

import time
from itertools import cycle, repeat

from benchmarks.closed_loop import post_until, slowest_get

HERE = "127.0.0.1"


def post(*bodies: bytes) -> list[tuple[bytes, str]]:
    return [(body, "text/plain") for body in bodies]


def test_requests_follow_each_other_until_the_end(url: str) -> None:
    end = time.monotonic() + 0.5
    statuses = post_until(end, url, HERE, cycle(post(b"200", b"413")), 0)
    assert time.monotonic() >= end
    assert 0 <= statuses["200"] - statuses["413"] <= 1
    assert statuses["413"] > 1


def test_a_client_that_is_refused_pauses_until_the_end_at_most(url: str) -> None:
    start = time.monotonic()
    assert post_until(start + 0.2, url, HERE, repeat(*post(b"503")), 60) == {"503": 1}
    assert time.monotonic() - start < 30


def test_a_response_after_the_end_does_not_count(url: str) -> None:
    assert post_until(time.monotonic(), url, HERE, repeat(*post(b"200")), 0) == {}


def test_no_response_counts_too(url: str) -> None:
    documentation = "192.0.2.1"  # RFC 5737: not an address of this machine
    end = time.monotonic() + 0.1
    assert post_until(end, url, documentation, post(b"200"), 0) == {"no response": 1}


def test_the_slowest_get_is_timed_with_any_status(url: str) -> None:
    assert 0 < slowest_get(time.monotonic() + 0.1, url, HERE, 0.01) < 30_000
