"""Gunicorn's gthread worker, changed so that no request is answered in part or left waiting."""

import json
import mmap
import socket
import sys
import time
import uuid
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from inference_app.errors import error_body
from inference_app.telemetry import request_log

DRAIN_SECONDS = 5  # NGINX has the whole of a request before it sends any
BACK_OFF_SECONDS = 0.1  # before another connection is accepted, where the system refuses one

# Of requests that Gunicorn's parser refuses, as in its own Worker.handle_error; the others: 400.
_STATUSES: dict[type[Exception], int] = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ConfigurationProblem: 500,
    errors.InvalidResponseHeader: 500,
    errors.InvalidResponseHeaderName: 500,
}


class BufferedSocket:
    """A socket that holds what is written to it until it is flushed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = bytearray()

    def sendall(self, data: bytes) -> None:
        """Hold `data` back."""
        self._held += data

    def flush(self) -> None:
        """Send all that was held back at once; raises OSError."""
        self._connection.sendall(self._held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Worker(ThreadWorker):  # type: ignore[misc] # Gunicorn has no type hints
    """Differs from Gunicorn's own in what lets NGINX retry when a worker dies or stops."""

    is_retired = False  # the master has one with another model to take its place

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._ready = mmap.mmap(-1, 1)  # shared with the master, which makes this and then forks

    @property
    def is_ready(self) -> bool:
        """Whether it accepts connections, or did; the master asks."""
        return self._ready[0] == 1

    def run(self) -> None:
        """Accept connections until it is stopped."""
        self._ready[0] = 1
        super().run()

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Send the response at once.

        Gunicorn sends the headers, then the body. NGINX passes headers on as they come, and cannot
        retry on another worker if this one is killed before the body.
        """
        connection, conn.sock = conn.sock, BufferedSocket(conn.sock)
        try:
            keep_alive: bool = super().handle_request(req, conn)
            # A client that is refused early is still sending: to close now would reset the
            # connection, and lose the response.
            conn.parser.finish_body(time.monotonic() + DRAIN_SECONDS, max_bytes=sys.maxsize)
            conn.sock.flush()
            return keep_alive
        finally:
            conn.sock = connection

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Refuse what is not valid HTTP as the app would, with one line in the log.

        Gunicorn's own response is a page of HTML that repeats what was sent.
        """
        fallback = 400 if isinstance(exc, errors.ParseException) else 500
        status = HTTPStatus(_STATUSES.get(type(exc), fallback))
        error, request_id = "internal_error" if status == 500 else "bad_request", uuid.uuid4().hex
        request_log.log_malformed(request_id, status, error, exc)
        try:
            client.sendall(refusal(status, error, request_id))
        except OSError:
            self.log.debug("the client has disconnected")

    def accept(self, listener: Any) -> None:
        """Accept a connection; a system that cannot give one now does not end the worker.

        accept(2) fails so when no file descriptor or memory is left.
        """
        try:
            super().accept(listener)
        except OSError as error:
            self.log.error("no connection can be accepted: %s", error.strerror)
            time.sleep(BACK_OFF_SECONDS)  # the connection still waits, and wakes this thread again

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting; when the worker stops, accept all that wait, then close.

        Gunicorn keeps its listening sockets until the requests in flight are answered. A client
        that connects meanwhile waits in the kernel's queue, and is reset. A closed socket refuses
        it at once, and NGINX tries another replica.
        """
        # A worker that was told to stop while it booted has not begun to accept.
        super().set_accept_enabled(enabled and self.alive)
        if not self.alive:
            while self.sockets:
                listener = self.sockets.pop()
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: Any) -> None:
        """Accept connections until none waits: then `nr_conns`, their number, stays the same."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)


def refusal(status: HTTPStatus, error: str, request_id: str) -> bytes:
    """Return the bytes of the response to a request that is not valid HTTP."""
    message = f"The request cannot be read: {status.phrase}."
    body = json.dumps(error_body(error, message, request_id))
    lines = [
        f"HTTP/1.1 {status} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()
