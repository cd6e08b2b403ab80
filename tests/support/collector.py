"""A collector of OpenTelemetry spans: takes OTLP over HTTP, as a real one does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector(ThreadingHTTPServer):
    """Keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, body: bytes) -> None:
        """Keep the spans of one request, and the attributes of who sent them."""
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(attributes(sent.resource))
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.take(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep pytest's output free of it."""


def attributes(holder: Any) -> dict[str, Any]:
    """Return a span's or a resource's attributes."""
    pairs = ((each.key, each.value) for each in holder.attributes)
    return {key: getattr(value, value.WhichOneof("value")) for key, value in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector while the `with` lasts."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()
