"""The limit of open files is raised, and bounds the connections."""

import resource

import pytest

from inference_app.pool.open_files import connections, raise_limit


@pytest.mark.parametrize(
    ("limit", "threads", "expected"),
    [
        (2000, 128, 1000),  # no more than Gunicorn's default
        (1024, 128, 864),  # a second file for each thread
        (256, 128, 112),  # a second file for each connection
        (64, 128, 16),
        (10, 128, 1),
    ],
)
def test_connections_fit_into_the_limit(limit: int, threads: int, expected: int) -> None:
    assert connections(limit, threads) == expected


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (64, 128, 128),
        (64, 4096, 1040),
        (1024, resource.RLIM_INFINITY, 1040),
        (8192, 8192, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_the_limit_is_raised_as_far_as_is_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, expected: int | None
) -> None:
    calls: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda *given: calls.append(given))
    assert raise_limit(threads=8) == (expected or 1040)
    assert calls == ([(resource.RLIMIT_NOFILE, (expected, hard))] if expected else [])
