"""A small server that responds with the status that is posted."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    """Responds to a POST with the status that it holds, and to a GET with 503."""

    protocol_version = "HTTP/1.1"  # connections are kept

    def do_POST(self) -> None:
        """Respond."""
        self.respond(int(self.rfile.read(3)))

    def do_GET(self) -> None:
        """Respond."""
        self.respond(503)

    def respond(self, status: int) -> None:
        """Send a response without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 as inherited
        """Write no log."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
