"""What NGINX writes: one line of JSON in ASCII for each request, whatever the client sends."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.fronted import Fronted, fronted
from tests.support.server import wait_until

CONTROLS = bytes(range(1, 32)) + bytes(range(127, 256))
FORMATS = "\u009b31m \u2028 \u202e \u2066 \ufeff".encode()
HOST = b"\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    with fronted(tmp_path_factory.mktemp("log"), MAX_UPLOAD_MB="1") as stack:
        yield stack


def lines(stack: Fronted) -> list[dict[str, Any]]:
    """Return what NGINX wrote to its log, each byte of which must be printable."""
    data = stack.access_log.read_bytes()
    assert all(0x20 <= byte < 0x7F or byte == 0x0A for byte in data)
    return [json.loads(line) for line in data.splitlines()]


def logged(stack: Fronted, request: bytes) -> dict[str, Any]:
    """Send a request; return the one line that it leaves."""
    before = len(lines(stack))
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as connection:
        connection.sendall(request)
        assert connection.recv(65536)
    wait_until(lambda: len(lines(stack)) > before, "the line is written")
    (line,) = lines(stack)[before:]
    return line


@pytest.mark.parametrize("byte", CONTROLS, ids=hex)
def test_a_byte_in_the_path(stack: Fronted, byte: int) -> None:
    line = logged(stack, b"GET /a%cb HTTP/1.1" % byte + HOST + b"\r\n")
    assert line["request"].startswith("GET /a")
    assert line["request"].isprintable()


@pytest.mark.parametrize("text", [CONTROLS[31:], FORMATS, b'"}{"', b"\\x1b", b"\\"], ids=repr)
def test_what_is_not_ascii_ends_what_is_logged(stack: Fronted, text: bytes) -> None:
    line = logged(stack, b"GET /a" + text + b" HTTP/1.1" + HOST + b"\r\n")
    expected = text.decode() if text.isascii() else ""
    assert line["request"] == "GET /a" + (f"{expected} HTTP/1.1" if expected else "")


@pytest.mark.parametrize("header", [b"Host", b"Referer", b"X-Request-ID", b"User-Agent"])
@pytest.mark.parametrize("size", [b"10000000", b"5"])
def test_a_header_is_not_logged(stack: Fronted, header: bytes, size: bytes) -> None:
    head = b"POST /predict HTTP/1.1" + HOST + b"Content-Length: " + size
    line = logged(stack, head + b"\r\n" + header + b": " + FORMATS + b"\r\n\r\n" + b"12345")
    assert line["status"] in (400, 413, 415)
    assert "31m" not in json.dumps(line)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /predict HTTP/1.1" + HOST + b"Content-Length: 10000000\r\n\r\n", 413),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1" + HOST + b"\r\n", 414),
        (b"GET / HTTP/1.1" + HOST + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS where there is none
        (b"GET /\r\n", 200),  # HTTP/0.9
        (b"GET /metrics\r\n", 404),
    ],
)
def test_a_refusal_leaves_one_line(stack: Fronted, request_bytes: bytes, status: int) -> None:
    assert logged(stack, request_bytes)["status"] == status


def test_nothing_else_is_written(stack: Fronted) -> None:
    assert stack.errors.read_bytes() == b""


def test_messages_of_nginx_itself_are_json(
    make_fronted: Callable[..., Fronted], tmp_path: Path
) -> None:
    stack = make_fronted()
    configuration = tmp_path / "nginx" / "nginx.conf"
    configuration.write_text('nonsense "\x1b\u2028";')
    pid = int((tmp_path / "nginx" / "nginx.pid").read_text())
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: stack.errors.read_bytes().endswith(b"\n"), "it complains")
    for line in stack.errors.read_bytes().splitlines():
        assert json.loads(line)["logger"] == "nginx"
        assert line.isascii()
        assert line.decode().isprintable()
