"""Where the pictures of tasks are fetched from: Label Studio, and nowhere else."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from inference_app.config import Settings
from inference_app.errors import BadRequest, TooLarge
from inference_app.web.protocols.labelstudio.source import Source

JWT = "header.payload.signature"


class Studio(ThreadingHTTPServer):
    """Stands in for Label Studio: keeps what it is asked, and answers by the path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Studio

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        if self.path == "/redirect":
            self.send_response(303)
            self.send_header("Location", f"{self.server.url}/data/a.jpg")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/drip":
            self._drip(b"HTTP/1.1 200 OK\r\n\r\n")
        elif self.path == "/drip-headers":
            self._drip(b"HTTP/1.1 200 OK\r\nA: ")
        else:
            self._send(b"a" * 600_000)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body.decode()))
        self._send(b'{"access": "short"}' if JWT.encode() in body else b"[]")

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, start: bytes) -> None:
        self.wfile.write(start)
        try:
            while True:
                self.wfile.write(b"a")
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        """Keep pytest's output free of it."""


@pytest.fixture
def studio() -> Iterator[Studio]:
    with Studio() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def source(studio: Studio, settings: Settings, tmp_path: Path) -> Callable[..., Source]:
    """Make a source of the server, with a token and other settings."""

    def make(token: str = "", **changes: Any) -> Source:
        file = tmp_path / "token"
        file.write_text(f"{token}\n")
        key = {"label_studio_api_key_file": file if token else None}
        url = {"label_studio_url": f"{studio.url}/"}
        return Source(replace(settings, **{**url, **key, "max_upload_mb": 1, **changes}))

    return make


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/data/upload/1/a.jpg", "/data/upload/1/a.jpg"),
        ("{url}/data/a.jpg?d=b%20c#d", "/data/a.jpg?d=b%20c"),
        ("/data/local-files/?d=ä b", "/data/local-files/?d=%C3%A4%20b"),
        ("data/a.jpg", "/data/a.jpg"),
        ("{url}", "/"),
        ("/a\r\nX-Other: b", "/aX-Other:%20b"),
    ],
)
def test_pictures_of_label_studio_are_fetched(
    studio: Studio, source: Callable[..., Source], url: str, path: str
) -> None:
    assert source().fetch(url.format(url=studio.url)) == b"a" * 600_000
    assert studio.asked == [(path, None)]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/a.jpg",
        "http://localhost:{port}/a.jpg",
        "https://127.0.0.1:{port}/a.jpg",
        "//127.0.0.1:{other}/a.jpg",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/a.jpg",
        "s3://bucket/a.jpg",
        "http://[::1/a.jpg",
        "http://127.0.0.1:99999/a.jpg",
    ],
)
def test_nothing_is_fetched_from_elsewhere(
    studio: Studio, source: Callable[..., Source], url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.1)
        other = elsewhere.getsockname()[1]
        with pytest.raises(BadRequest, match="not at LABEL_STUDIO_URL"):
            source().fetch(url.format(port=studio.server_port, other=other))
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert studio.asked == []


def test_no_proxy_and_no_redirect_is_followed(
    studio: Studio, source: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(BadRequest, match="answered 303"):
        source().fetch("/redirect")
    assert [path for path, _ in studio.asked] == ["/redirect"]


def test_a_picture_that_is_not_there_is_told(source: Callable[..., Source]) -> None:
    with pytest.raises(BadRequest, match="answered 404"):
        source().fetch("/missing")


def test_a_server_that_is_not_there_is_told(source: Callable[..., Source]) -> None:
    with pytest.raises(BadRequest, match="ConnectionRefusedError"):
        source(label_studio_url="http://127.0.0.1:9/").fetch("/a.jpg")


def test_the_pictures_of_a_request_are_bounded_in_all(source: Callable[..., Source]) -> None:
    one = source()
    one.fetch("/a.jpg")
    with pytest.raises(TooLarge, match="MAX_UPLOAD_MB"):
        one.fetch("/a.jpg")


@pytest.mark.parametrize("path", ["/drip", "/drip-headers"])
def test_a_server_that_never_ends_is_cut_off(source: Callable[..., Source], path: str) -> None:
    try:
        content = source(deadline=1).fetch(path)
    except BadRequest:
        content = b""
    assert len(content) < 1000


def test_a_legacy_token_is_sent_as_it_is(studio: Studio, source: Callable[..., Source]) -> None:
    source("a-legacy-token").fetch("/a.jpg")
    assert studio.asked == [("/a.jpg", "Token a-legacy-token")]


def test_a_personal_token_is_exchanged_once(studio: Studio, source: Callable[..., Source]) -> None:
    one = source(JWT, max_upload_mb=4)
    one.fetch("/a.jpg")
    one.fetch("/b.jpg")
    refresh = ("/api/token/refresh/", json.dumps({"refresh": JWT}))
    assert studio.asked == [refresh, ("/a.jpg", "Bearer short"), ("/b.jpg", "Bearer short")]


def test_a_token_that_is_not_accepted_is_told(source: Callable[..., Source]) -> None:
    with pytest.raises(BadRequest, match="no access for the token"):
        source("another.payload.signature").fetch("/a.jpg")


def test_nothing_is_fetched_unless_the_server_is_named(settings: Settings) -> None:
    with pytest.raises(BadRequest, match="only where LABEL_STUDIO_URL is set"):
        Source(settings).fetch("/data/a.jpg")
