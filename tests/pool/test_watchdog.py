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
    (line,) = server.log(message="inference hangs, the worker is replaced")
    assert line["level"] == "critical"
    assert line["seconds"] >= 3
    assert requests.post(f"{server.url}/predict", espresso, timeout=30).ok


def test_who_waits_behind_it_gets_an_answer_at_the_deadline(
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
        answer = requests.post(f"{server.url}/predict", espresso, timeout=30)
    assert answer.status_code == 504
    assert answer.json()["error"]["type"] == "timeout"


def test_while_a_batch_takes_suspiciously_long_no_connections_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter([0.0, 3.0, 0.0, 99.0])
    seen = []
    worker = SimpleNamespace(worker_connections=1000)
    sleep = lambda _: seen.append(worker.worker_connections)  # noqa: E731
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("os._exit", seen.append)
    watchdog._watch(worker, lambda: next(seconds), 10)
    assert seen == [1000, 0, 1000, 1]
