"""One line of the log for each request, and the headers that tie a response to it."""

import logging
import re
import uuid
from typing import Any

from flask import Response, request

from inference_app.telemetry.context import RequestContext, current

log = logging.getLogger("inference_app.request")

# A response is data: nothing for a browser to guess at, run, frame or keep.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Machines request these every few seconds.
UNREMARKABLE = ("/livez", "/readyz", "/metrics")

# What a client may choose as its id: nothing that could break a log line or a header.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_REASON = 300  # characters of a message that a client may have shaped


def begin() -> None:
    """Give the request an id and a clock."""
    asked = request.headers.get("X-Request-ID", "")
    RequestContext(asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex).enter()


def end(response: Response) -> Response:
    """Add the headers that every response has, and write the request's line."""
    context = current()
    response.headers["X-Request-ID"] = context.id
    response.headers["Server-Timing"] = context.timing.header()
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    level = logging.DEBUG if request.path in UNREMARKABLE else logging.INFO
    extra = {"fields": _fields(response), "summary": _summary(response)}
    log.log(
        logging.ERROR if context.exception else level,
        "request",
        extra=extra,
        exc_info=context.exception,
    )
    return response


def _fields(response: Response) -> dict[str, Any]:
    context = current()
    fields = {
        "request_id": context.id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "bytes": request.content_length,
        "model": response.headers.get("X-Model-Hash"),
        "pictures": context.pictures,
        "error": context.error_type,
        "reason": context.error_message and context.error_message[:MAX_REASON],
        "ms": context.timing.so_far(),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _summary(response: Response) -> str:
    """Return the line for a terminal: ``POST /predict 200 8 ms espresso``."""
    context = current()
    ms = context.timing.so_far()["total"]
    several = f"{context.pictures} pictures" if context.pictures else ""
    result = context.error_type or context.label or several
    return f"{request.method} {request.path} {response.status_code} {ms:.0f} ms {result}".rstrip()


def log_malformed(request_id: str, status: int, error: str, exception: Exception) -> None:
    """Write the line of a request that the app never saw, because it is not valid HTTP.

    If that is the server's fault, the line has the traceback.
    """
    reason = str(exception)[:MAX_REASON]
    fields = {"request_id": request_id, "status": status, "error": error, "reason": reason}
    ours = status == 500
    log.log(
        logging.ERROR if ours else logging.INFO,
        "malformed request",
        extra={"fields": fields, "summary": f"malformed request {status} {reason}"},
        exc_info=exception if ours else None,
    )
