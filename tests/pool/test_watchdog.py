"""A worker whose engine hangs is replaced; the others go on."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import requests

from inference_app.pool import watchdog
from tests.support import faults
from tests.support.server import Server, serving, wait_until


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), "tests.support.faults", DEADLINE="2") as server:
        yield server


def test_a_worker_that_hangs_is_replaced(server: Server, espresso: bytes) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/predict", faults.picture(faults.RED), timeout=30)
    wait_until(lambda: len(server.workers()) == 3, "another worker is ready")
    (line,) = server.log(message="worker hangs and is replaced")
    assert line["level"] == "critical"
    assert line["stage"] == "infer"
    assert requests.post(f"{server.url}/predict", espresso, timeout=30).ok


def test_a_request_behind_it_gets_a_response_at_the_deadline(
    tmp_path_factory: pytest.TempPathFactory, espresso: bytes
) -> None:
    folder = tmp_path_factory.mktemp("server")
    red = faults.picture(faults.RED)
    head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(red)}\r\n\r\n"
    with (
        serving(folder, "tests.support.faults", DEADLINE="2", WORKERS="1") as server,
        server.connect() as hangs,
    ):
        hangs.sendall(head.encode() + red)
        time.sleep(0.3)  # it is in the engine
        response = requests.post(f"{server.url}/predict", espresso, timeout=30)
    assert response.status_code == 504
    assert response.json()["error"]["type"] == "timeout"


def watch(
    monkeypatch: pytest.MonkeyPatch, inferring: list[float], decoding: list[float]
) -> list[int]:
    """Look once for each pair of seconds; return the connections taken, and the exit status."""
    seen: list[int] = []
    worker = SimpleNamespace(worker_connections=1000)
    looks = iter(zip(inferring, decoding, strict=True))
    now = (0.0, 0.0)

    def sleep(_: float) -> None:
        nonlocal now
        seen.append(worker.worker_connections)
        now = next(looks)

    def leave(status: int) -> None:
        seen.append(status)

    classifier = SimpleNamespace(inferring_for=lambda: now[0], decoding_for=lambda: now[1])
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("os._exit", leave)
    watchdog._watch(worker, classifier, 10)
    return seen


def test_while_a_batch_takes_suspiciously_long_no_connections_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert watch(monkeypatch, [3, 0, 99], [0, 0, 0]) == [1000, 0, 1000, 1]


def test_decoding_that_takes_long_is_not_suspicious_until_it_should_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert watch(monkeypatch, [0, 0, 0], [3, 9, 99]) == [1000, 1000, 0, 1]
