"""Spans of requests for OpenTelemetry, where its standard variables ask for them.

The SDK reads the variables itself; without an endpoint among them it is not even imported.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

Our own instead of opentelemetry-instrumentation-flask: the stages are known only when a request
ends, and then the request's span is made in the same breath, without a wrapper around each call.
"""

import atexit
import os
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from inference_app.errors import SettingError
from inference_app.telemetry.context import current
from inference_app.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

PROTOCOL = "http/protobuf"
PATIENCE = 2.0  # seconds that a worker which ends spends on sending its last spans


def endpoint(environ: Mapping[str, str] = os.environ) -> str:
    """Return the collector that spans are to be sent to, or an empty string for no spans."""
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return ""
    general = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or general


def check(environ: Mapping[str, str] = os.environ) -> None:
    """Raise SettingError if spans are wanted, but cannot be sent."""
    if not endpoint(environ):
        return
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (protocol := environ.get(name) or PROTOCOL) != PROTOCOL:
            raise SettingError(f"{name} must be {PROTOCOL}, not {protocol!r}")
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401
    except ImportError as error:
        raise SettingError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed "
            f"({error.name}). Install it with: requirements/install.sh tracing"
        ) from error


def start(app: Flask, model: str) -> None:
    """Send a span of every request if they are wanted; after the fork, which no thread survives."""
    if endpoint():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter()
        register(app, BatchSpanProcessor(exporter), model)
        _give_up_at_the_end(exporter)


def _give_up_at_the_end(exporter: "SpanExporter") -> None:
    """Keep a collector that is away from holding up a stop: the SDK would try for half a minute.

    The thread waits from now on, since at the end none can be started any more.
    """
    ending = threading.Event()

    def wait() -> None:
        ending.wait()
        time.sleep(PATIENCE)
        exporter.shutdown()

    threading.Thread(target=wait, daemon=True).start()
    atexit.register(ending.set)


def register(app: Flask, processor: "SpanProcessor", model: str) -> None:
    """Hand a span of every request of `app`, and one of each stage, to `processor`."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider

    ours = {"service.name": "inference_app", "service.version": __version__}
    resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
    provider = TracerProvider(resource=resource)  # at the process's end it sends what is left
    provider.add_span_processor(processor)
    app.after_request(partial(_record, provider.get_tracer("inference_app", __version__), model))


def _record(tracer: "Tracer", model: str, response: Response) -> Response:
    """Make the span of a request that has been answered, a child of the client's if it has one."""
    from opentelemetry import propagate, trace

    if request.blueprint in ("health", "metrics"):
        return response
    offset = time.time() - time.perf_counter()
    span = tracer.start_span(
        f"{request.method} {request.url_rule.rule}" if request.url_rule else "HTTP",
        propagate.extract(request.headers),
        trace.SpanKind.SERVER,
        _attributes(response, model),
        start_time=_nanoseconds(current().timing.start + offset),
    )
    if response.status_code >= 500:
        span.set_status(trace.StatusCode.ERROR)
    within = trace.set_span_in_context(span)
    for stage, began, ended in current().timing.stage_timings:
        child = tracer.start_span(stage, within, start_time=_nanoseconds(began + offset))
        child.end(_nanoseconds(ended + offset))
    span.end()
    return response


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _attributes(response: Response, model: str) -> dict[str, Any]:
    """Name a request's facts as OpenTelemetry's conventions for HTTP do; ours as the log does."""
    context = current()
    facts = {
        "http.request.method": request.method,
        "http.route": request.url_rule and request.url_rule.rule,
        "http.response.status_code": response.status_code,
        "http.request.body.size": request.content_length,
        "url.path": request.path,
        "url.scheme": request.scheme,
        "error.type": context.error_type,
        "request_id": context.id,
        "model": model,
        "pictures": context.pictures,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
