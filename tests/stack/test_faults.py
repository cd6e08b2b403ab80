"""NGINX and an app that misbehaves: what a client sees of it."""

import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.stack.fronted import Fronted
from tests.support import faults
from tests.support.server import wait_until


def test_inference_that_hangs_is_a_504_at_the_deadline_and_costs_one_worker(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted(DEADLINE="2")
    answer = stack.post(faults.picture(faults.RED))
    assert answer.status_code == 504
    assert answer.json()["error"]["type"] == "timeout"
    assert answer.headers["Retry-After"] == "1"
    wait_until(lambda: len(stack.app.workers()) == 3, "a worker takes its place", within=10)
    assert [stack.post(espresso).status_code for _ in range(20)] == [200] * 20
    assert len(stack.app.workers()) == 3


def test_a_picture_that_kills_workers_kills_two_at_most(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted(WORKERS="3")
    answer = stack.post(faults.picture(faults.GREEN))
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "unavailable"
    wait_until(lambda: len(stack.app.workers()) == 5, "two workers are replaced", within=5)
    assert [stack.post(espresso).status_code for _ in range(20)] == [200] * 20
    assert len(stack.app.workers()) == 5


def test_beyond_what_can_wait_requests_are_refused_and_nothing_is_lost(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted(THREADS="4", WORKERS="1")
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(stack.post, [espresso] * 400))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["error"]["type"] == "overloaded"
    assert int(refused.headers["Retry-After"]) >= 1
    assert stack.post(espresso).status_code == 200


def test_a_full_server_says_that_it_lives(make_fronted: Callable[..., Fronted]) -> None:
    stack = make_fronted(MAX_CONNS="1", DEADLINE="4")
    red = faults.picture(faults.RED)
    with ThreadPoolExecutor(3) as clients:
        hang = [clients.submit(stack.post, red) for _ in range(3)]
        wait_until(lambda: any(each.done() for each in hang), "one found no place")
        (refused,) = [each.result() for each in hang if each.done()]
        health = [requests.get(stack.url + path, timeout=30) for path in ("/livez", "/readyz")]
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "unavailable"
    assert [answer.status_code for answer in health] == [200, 200]


def test_a_server_that_is_stopped_answers_all_that_it_let_in(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted()
    with ThreadPoolExecutor(40) as clients:
        answers = [clients.submit(stack.post, espresso) for _ in range(200)]
        wait_until(lambda: sum(answer.done() for answer in answers) > 20, "some are answered")
        stack.app.process.terminate()
        counts = Counter(answer.result(60).status_code for answer in answers)
    # Those that came after the last worker had stopped listening are told so by NGINX.
    assert set(counts) <= {200, 502}
    assert counts[200] >= 40
    assert stack.app.process.wait(30) == 0


def test_a_client_beyond_its_quota_is_told_to_wait(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted(CLIENT_RATE="1r/m", CLIENT_BURST="2")
    put = f"{stack.url}/predictions/resnet-tiny-imagenet"
    answers = [requests.put(put, espresso, timeout=60), *(stack.post(espresso) for _ in range(3))]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["error"]["type"] == "too_many_requests"
    assert answers[-1].headers["Retry-After"] == "1"
    assert requests.get(f"{stack.url}/livez", timeout=30).ok


def test_stalled_clients_delay_no_others_and_are_cut_off(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted()
    port = int(stack.url.rsplit(":", 1)[1])
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
    starts = [head] * 200 + [head + b"Content-Length: 100000\r\n\r\n" + espresso[:500]] * 200
    with ExitStack() as stalled:
        connections = []
        for start in starts:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            stalled.enter_context(connection)
            connection.sendall(start)
            connections.append(connection)
        assert [stack.post(espresso).status_code for _ in range(20)] == [200] * 20
        ends = [receive_end(connection) for connection in connections]
    assert all(end in (b"", b"HTTP/1.1 408") for end in ends)


def receive_end(connection: socket.socket) -> bytes:
    """Return the first bytes that come before the connection is closed."""
    try:
        return connection.recv(12)
    except ConnectionResetError:
        return b""


def test_nginx_is_reloaded_without_a_failure(
    make_fronted: Callable[..., Fronted], tmp_path: Path, espresso: bytes
) -> None:
    stack = make_fronted()
    pid = int((tmp_path / "nginx" / "nginx.pid").read_text())
    with ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(stack.post, espresso) for _ in range(300)]
        for _ in range(5):
            time.sleep(0.1)
            subprocess.run(["kill", "-HUP", str(pid)], check=True)
        assert Counter(answer.result(60).status_code for answer in answers) == {200: 300}


def test_workers_are_recycled_without_a_failure(
    make_fronted: Callable[..., Fronted], espresso: bytes
) -> None:
    stack = make_fronted(GUNICORN_CMD_ARGS="--max-requests 40 --max-requests-jitter 20")
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(stack.post, [espresso] * 400))
    assert Counter(answer.status_code for answer in answers) == {200: 400}
    assert len(stack.app.workers()) >= 8
