"""Gunicorn as it is set up here: what it refuses, and what it survives."""

import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from gunicorn.util import parse_address

from inference_app.__main__ import ALLOCATOR
from inference_app.cpus import cpus_of_worker
from tests.conftest import REPO
from tests.support.server import Server, environment, free_port, serving, wait_until

CONFIG = REPO / "inference_app" / "pool" / "gunicorn.conf.py"
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
MALFORMED = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length in words": POST + b"Content-Length: three\r\n\r\nabc",
    "negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "two hosts": POST + b"Host: b\r\nContent-Length: 0\r\n\r\n",
    "folded header": POST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": POST + b"X-A: b\0c\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": POST + b"X-A : b\r\nContent-Length: 0\r\n\r\n",
    "underscore in a name": POST + b"X_Request_ID: b\r\nContent-Length: 0\r\n\r\n",
    "unknown transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "many headers": POST + b"".join(b"X-%d: 1\r\n" % i for i in range(70)) + b"\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def configured(monkeypatch: pytest.MonkeyPatch, **settings: str) -> dict[str, Any]:
    """Return what gunicorn.conf.py sets under these settings."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(CONFIG))


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_refused(server: Server, request_: bytes) -> None:
    response = server.send(request_)
    assert response.startswith(b"HTTP/1.1 4")
    assert response.count(b"HTTP/1.1 ") == 1
    (request_id,) = re.findall(rb"X-Request-ID: (\w+)\r\n", response)
    (line,) = server.log(request_id=request_id.decode())
    assert line["message"] == "malformed request"  # the app never saw it
    assert requests.get(server.url + "/readyz", timeout=30).status_code == 200


def test_clients_that_leave_are_no_error(server: Server, espresso: bytes) -> None:
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(espresso))
            connection.sendall(espresso[:100])
    response = requests.post(f"{server.url}/predict", data=espresso, timeout=30)
    assert response.json()["response"]["body"] == '"espresso"'
    assert not server.log(level="error")


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, espresso: bytes) -> None:
    with serving(tmp_path) as server:
        victim, survivor = server.workers()
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            response = requests.post(f"{server.url}/predict", data=espresso, timeout=30)
            assert response.status_code == 200
        wait_until(lambda: len(server.workers()) == 3, "the killed worker is replaced")
        newcomer = server.workers()[2]
        os.kill(survivor, signal.SIGKILL)
        response = requests.post(f"{server.url}/predict", data=espresso, timeout=30)
        (line,) = server.log(request_id=response.headers["X-Request-ID"])
        assert line["pid"] == newcomer
        wait_until(lambda: len(server.workers()) == 4, "the other is replaced too")


def test_a_model_damaged_later_ends_the_service(tmp_path: Path, model_folder: Path) -> None:
    with serving(tmp_path, MODEL_PATH=model_folder) as server:
        (model_folder / "model.bin").write_bytes(b"")
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_until(server.ended, "the server ends")
        assert server.process.returncode == 3


def test_bad_settings_are_refused_without_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", CONFIG],
        env=environment(PORT=str(free_port()), WORKERS="0"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "WORKERS must be a whole number from 1 to 256" in done.stderr


def test_the_settings_reach_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"PORT": "5000", "WORKERS": "3", "THREADS": "5", "GRACEFUL_TIMEOUT": "7"}
    config = configured(monkeypatch, **given)
    assert config["bind"] == "127.0.0.1:5000"
    assert (config["workers"], config["threads"], config["graceful_timeout"]) == (3, 5, 7)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::1", "::"])  # noqa: S104
def test_the_server_may_listen_on_any_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert parse_address(configured(monkeypatch, HOST=host, PORT="5000")["bind"]) == (host, 5000)


def test_forked_processes_load_their_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(monkeypatch)
    assert config["preload_app"] is False
    assert config["control_socket_disable"] is True


def test_a_new_worker_takes_the_slot_of_the_dead_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pre_fork = configured(monkeypatch, WORKERS="3")["pre_fork"]
    old = {pid: SimpleNamespace(slot=pid, number=pid, is_retired=False) for pid in (0, 2)}
    server = SimpleNamespace(WORKERS=old)
    for pid in range(3, 7):  # all but the first are a reload's
        new = SimpleNamespace(is_retired=False)
        pre_fork(server, new)
        server.WORKERS[pid] = new
    assert [server.WORKERS[pid].slot for pid in range(3, 7)] == [1, 0, 1, 2]
    assert [server.WORKERS[pid].number for pid in range(3, 7)] == [1, 3, 4, 5]  # no two the same


def test_workers_take_the_slots_of_those_that_are_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    pre_fork = configured(monkeypatch, WORKERS="2")["pre_fork"]
    old = SimpleNamespace(slot=1, number=1, is_retired=True)
    server = SimpleNamespace(
        WORKERS={1: old, 2: SimpleNamespace(slot=0, number=2, is_retired=False)}
    )
    new = SimpleNamespace(is_retired=False)
    pre_fork(server, new)
    assert (new.slot, new.number) == (1, 0)


def test_workers_run_with_the_allocator_set_up(server: Server) -> None:
    for pid in server.workers():
        environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        assert {f"{name}={value}" for name, value in ALLOCATOR.items()} <= set(environ)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone pins threads")
def test_requests_stay_on_their_worker_s_cpus(server: Server) -> None:
    masks = [os.sched_getaffinity(pid) for pid in server.workers()]  # in the order they got ready
    assert sorted(masks, key=min) == [cpus_of_worker(slot, 2) for slot in range(2)]
