"""A server that gives planned replies: busy, broken and odd ones at the right moment."""

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Reply:
    """The response to one request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """What the server saw of one request."""

    path: str
    query: str
    field: str
    name: str
    data: bytes
    authorization: str | None = None


def success(label: str, **more: object) -> Reply:
    body = {
        "success": True,
        "response": {"statusCode": 200, "body": json.dumps(label, ensure_ascii=False)},
        "model": "resnet-50",
    }
    return Reply(200, json.dumps(body | more).encode())


def refusal(status: int, message: str, **headers: str) -> Reply:
    error = {"type": "test", "message": message, "request_id": "r-1"}
    body = json.dumps({"success": False, "error": error}).encode()
    return Reply(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


TABBY = success("tabby, tabby cat")
BROKEN = Reply(0, b"")  # the connection ends without a response


class Handler(BaseHTTPRequestHandler):
    """Records a request and gives the reply that was planned for its picture."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        """Take a picture."""
        data = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        _, part, _ = data.split(b"--" + boundary)
        head, _, content = part.partition(b"\r\n\r\n")
        names = re.search(rb'name="(.*?)"; filename="(.*?)"', head)
        assert names
        kind, name = names[1].decode(), names[2].decode()
        url = urlsplit(self.path)
        self.server.seen.append(
            Seen(
                url.path,
                url.query,
                kind,
                name,
                content.removesuffix(b"\r\n"),
                self.headers["Authorization"],
            )
        )
        self.server.before_reply(name)
        self.reply(self.server.next_reply(name))

    def do_GET(self) -> None:
        """Respond to /livez, by which the client finds a server."""
        self.reply(Reply(200 if self.path == "/livez" and self.server.is_alive else 404, b""))

    def reply(self, reply: Reply) -> None:
        """Send a reply, or break off."""
        if reply is BROKEN:
            self.close_connection = True
            return
        self.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), "X-Request-ID": "r-1"} | reply.headers
        for header, text in headers.items():
            self.send_header(header, text)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no log."""


class Server(ThreadingHTTPServer):
    """`plans` holds the replies by file name, in order; the last one stays."""

    daemon_threads = True
    block_on_close = False  # some tests leave a request without a response

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen: list[Seen] = []
        self.plans: dict[str, list[Reply]] = {}
        self.held: set[str] = set()
        self.is_alive = True
        self.arrived, self.release = threading.Event(), threading.Event()

    def before_reply(self, name: str) -> None:
        """Hold back the responses to some pictures until the test ends."""
        if name in self.held:
            self.arrived.set()
            self.release.wait(60)

    def next_reply(self, name: str) -> Reply:
        """Return what was planned for a picture."""
        plan = self.plans.get(name, [TABBY])
        return plan.pop(0) if len(plan) > 1 else plan[0]

    def handle_error(self, *_: object) -> None:
        """Write nothing about clients that disconnected."""

    def names(self) -> list[str]:
        """Return the names of the pictures that arrived, sorted."""
        return sorted(seen.name for seen in self.seen)
