"""One JSON line a request, and the headers that tie a response to it."""

import json
import logging
import re
import time
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

# Asked again and again by machines.
UNREMARKABLE = ("/livez", "/readyz", "/metrics")

# What a client may choose as its id: nothing that could break a log line or a header.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds fields."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line end."""
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def logging_config(level: str) -> dict[str, Any]:
    """Return a `logging.config.dictConfig` schema: JSON lines of everything on stdout."""
    handler = {
        "class": "logging.StreamHandler",
        "stream": "ext://sys.stdout",
        "formatter": "json",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stdout": handler},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {"gunicorn.error": {"propagate": True}, "gunicorn.access": {}},
    }


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
    log.log(level, "request", extra={"fields": _fields(response)})
    return response


def _fields(response: Response) -> dict[str, Any]:
    context = current()
    fields = {
        "request_id": context.id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "bytes": request.content_length,
        "pictures": context.pictures,
        "error": context.error_type,
        "ms": context.timing.so_far(),
    }
    return {name: value for name, value in fields.items() if value is not None}
