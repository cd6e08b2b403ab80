"""Gunicorn's gthread worker, but one that leaves no request half answered and nobody waiting."""

import json
import socket
import sys
import time
import uuid
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from inference_app.errors import error_body

DRAIN_SECONDS = 5  # NGINX has the whole of a request before it sends any


class Outbox:
    """A socket that holds back what is written to it until it is told to send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = bytearray()

    def sendall(self, data: bytes) -> None:
        """Hold `data` back."""
        self._held += data

    def flush(self) -> None:
        """Send all that was held back in one go; raises OSError."""
        self._connection.sendall(self._held)

    def first_line(self) -> str:
        """Return the status line of what is held back."""
        return self._held.partition(b"\r\n")[0].decode("latin-1")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Worker(ThreadWorker):  # type: ignore[misc] # Gunicorn has no type hints
    """Differs from Gunicorn's own in what NGINX can make good when a worker dies or stops."""

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Send an answer whole.

        Gunicorn sends the headers, then the body. NGINX passes headers on as they come, and cannot
        ask another worker any more if this one is killed before the body.
        """
        connection, conn.sock = conn.sock, Outbox(conn.sock)
        try:
            keep_alive: bool = super().handle_request(req, conn)
            # Who is refused early is still sending; to close on that would reset the connection,
            # and the answer would be lost.
            conn.parser.finish_body(time.monotonic() + DRAIN_SECONDS, max_bytes=sys.maxsize)
            conn.sock.flush()
            return keep_alive
        finally:
            conn.sock = connection

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Word what is refused before the app sees it as the app would.

        Gunicorn's own answer is a page of HTML that repeats what was sent.
        """
        outbox = Outbox(client)
        super().handle_error(req, outbox, addr, exc)
        status_line, request_id = outbox.first_line(), uuid.uuid4().hex
        self.log.info(status_line, extra={"fields": {"request_id": request_id}})
        try:
            client.sendall(refusal(status_line, request_id))
        except OSError:
            self.log.debug("nobody waits for the answer")

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take or leave new connections; when stopping, take those that wait, then close.

        Gunicorn keeps its listening sockets until the requests in flight are answered. Whoever
        connects meanwhile is let in by the kernel, waits, and is reset. Of a closed socket it is
        refused at once, and NGINX asks another replica.
        """
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: Any) -> None:
        """Accept connections until none waits: then `nr_conns`, their number, stays the same."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)


def refusal(status_line: str, request_id: str) -> bytes:
    """Return the whole answer to a request that is no valid HTTP; `status_line` is Gunicorn's."""
    ours = status_line.split(" ")[1] == "500"
    type_ = "internal_error" if ours else "bad_request"
    message = f"The request cannot be read: {status_line.partition(' ')[2]}."
    body = json.dumps(error_body(type_, message, request_id))
    lines = [
        status_line,
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()
