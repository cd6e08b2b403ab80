"""Limits for each client address, and uploads that stall."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.stack.fronted import Fronted
from tests.support.server import wait_until

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def large() -> bytes:
    """Return a picture of 1.2 MB, which NGINX keeps in a file until it has all of it."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 1000, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), compress_level=1)


def post_from_elsewhere(stack: Fronted, picture: bytes) -> int:
    """Post a picture from another address, as another client; return the status."""
    elsewhere = ("127.0.0.2", 0)
    connection = HTTPConnection("127.0.0.1", stack.port, timeout=30, source_address=elsewhere)
    with closing(connection):
        connection.request("POST", "/predict", picture)
        return connection.getresponse().status


@pytest.fixture
def stall(make_fronted: Callable[..., Fronted]) -> Iterator[Callable[[Fronted, bytes], None]]:
    """Return what sends the start of an upload, and keeps its connection until the test ends."""
    with ExitStack() as connections:

        def send(stack: Fronted, start: bytes) -> None:
            connection = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
            connections.enter_context(connection).sendall(start)

        yield send


def in_progress(stack: Fronted, picture: bytes) -> Callable[[], bool]:
    """Return what tells whether the address has as many requests in progress as it may have."""
    return lambda: stack.post(picture).status_code == 429


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: 2000000\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"],
)
def test_an_address_has_a_few_large_uploads_at_a_time(
    make_fronted: Callable[..., Fronted],
    stall: Callable[[Fronted, bytes], None],
    head: bytes,
    large: bytes,
    espresso: bytes,
) -> None:
    stack = make_fronted(CLIENT_UPLOADS="2")
    for _ in range(2):
        stall(stack, head)
    wait_until(in_progress(stack, large), "both are in progress")
    refused = stack.post(large)
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "too_many_requests"
    assert refused.headers["Retry-After"] == "1"
    assert stack.post(espresso).status_code == 200  # stays in memory
    assert post_from_elsewhere(stack, large) == 200
    wait_until(lambda: stack.post(large).status_code == 200, "stalled ones are cut off")


def test_an_address_has_some_requests_at_a_time(
    make_fronted: Callable[..., Fronted],
    stall: Callable[[Fronted, bytes], None],
    espresso: bytes,
) -> None:
    stack = make_fronted(CLIENT_CONNS="3")
    for _ in range(3):
        stall(stack, HEAD + b"Content-Length: 1000\r\n\r\n")
    wait_until(in_progress(stack, espresso), "all are in progress")
    assert post_from_elsewhere(stack, espresso) == 200
    assert requests.get(f"{stack.url}/readyz", timeout=30).ok  # whose checks may share the address


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 200), ("", 429)])
def test_clients_behind_a_trusted_proxy_have_their_own_limits(
    make_fronted: Callable[..., Fronted],
    stall: Callable[[Fronted, bytes], None],
    espresso: bytes,
    trusted: str,
    status: int,
) -> None:
    stack = make_fronted(CLIENT_CONNS="1", TRUSTED_PROXY=trusted)

    def post(client: str) -> int:
        headers = {"X-Forwarded-For": client}
        url = f"{stack.url}/predict"
        return requests.post(url, espresso, headers=headers, timeout=30).status_code

    stall(stack, HEAD + b"X-Forwarded-For: 192.0.2.1\r\nContent-Length: 1000\r\n\r\n")
    wait_until(lambda: post("192.0.2.1") == 429, "it is in progress")
    assert post("192.0.2.2") == status
    assert post("192.0.2.2, 192.0.2.1") == 429  # what a client claims does not count


def test_a_reload_ends_uploads_that_trickle(
    make_fronted: Callable[..., Fronted], tmp_path: Path
) -> None:
    stack = make_fronted()
    pid = int((tmp_path / "nginx" / "nginx.pid").read_text())
    with socket.create_connection(("127.0.0.1", stack.port), timeout=0.5) as connection:
        connection.sendall(HEAD + b"Content-Length: 2000000\r\n\r\n")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: trickle(connection) == b"", "it is cut off", within=60)


def trickle(connection: socket.socket) -> bytes | None:
    """Send a byte; return what comes back, which is empty at the end, or None."""
    try:
        connection.sendall(b"a")
        return connection.recv(1)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def test_health_takes_no_upload(make_fronted: Callable[..., Fronted], large: bytes) -> None:
    stack = make_fronted()
    for data in (large, iter([large])):
        assert requests.post(f"{stack.url}/livez", data=data, timeout=30).status_code == 413


def test_a_disk_without_room_is_a_503_with_retry_after(
    make_fronted: Callable[..., Fronted], large: bytes, espresso: bytes
) -> None:
    stack = make_fronted()
    uploads = stack.access_log.parent / "nginx" / "client_temp"
    uploads.rmdir()
    uploads.symlink_to("/dev/null")  # no file can be made in it
    refused = stack.post(large)
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "unavailable"
    assert refused.headers["Retry-After"] == "1"
    assert stack.post(espresso).status_code == 200
