"""A small server that answers with the status that is posted."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    """Answers a POST with the status that it holds, and a GET with 503."""

    protocol_version = "HTTP/1.1"  # connections are kept

    def do_POST(self) -> None:
        """Answer."""
        self.answer(int(self.rfile.read(3)))

    def do_GET(self) -> None:
        """Answer."""
        self.answer(503)

    def answer(self, status: int) -> None:
        """Send a response without a body."""
        self.send_response(status)
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
