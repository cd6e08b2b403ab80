"""An open load against a small server: statuses, and times from when a request was due."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import open_loop


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that was posted."""

    def do_POST(self) -> None:
        """Answer."""
        self.send_response(int(self.rfile.read(3)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 as inherited
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_every_request_has_its_status(url: str) -> None:
    outcomes = open_loop.post_at([0.0, 0.01, 0.02], url, [b"200", b"503", b"200"], "text/plain")
    assert [status for status, _ in outcomes] == [200, 503, 200]


def test_nobody_there_is_an_outcome_too(url: str) -> None:
    ((status, _),) = open_loop.post_at([0.0], url.replace("127.0.0.1", "127.0.0.9"), [b""], "")
    assert status == 0


def test_a_time_counts_from_when_the_request_was_due(url: str) -> None:
    ((_, late), (_, on_time)) = open_loop.post_at([-100.0, 0.0], url, [b"200"], "text/plain")
    assert late > 100 > on_time


def test_percentiles_are_in_ms() -> None:
    seconds = [number / 1000 for number in range(100, 0, -1)]
    assert open_loop.percentile(seconds, 50) == 51
    assert open_loop.percentile(seconds, 99) == 100
