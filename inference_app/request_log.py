"""One JSON line a request, and the headers that tie an answer to it."""

import json
import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, request

from inference_app.timing import Timing

log = logging.getLogger("inference_app.request")

# An answer is data: nothing for a browser to guess at, run, frame or keep.
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


def register(app: Flask) -> None:
    """Give every request an id and a clock, and write its line when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    asked = request.headers.get("X-Request-ID", "")
    g.request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
    g.timing = Timing()


def _end(answer: Response) -> Response:
    answer.headers["X-Request-ID"] = g.request_id
    answer.headers["Server-Timing"] = g.timing.header()
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)
    level = logging.DEBUG if request.path in UNREMARKABLE else logging.INFO
    log.log(level, "request", extra={"fields": _fields(answer)})
    return answer


def _fields(answer: Response) -> dict[str, Any]:
    fields = {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "status": answer.status_code,
        "bytes": request.content_length,
        "pictures": g.get("pictures"),
        "error": g.get("error_type"),
        "ms": g.timing.so_far(),
    }
    return {name: value for name, value in fields.items() if value is not None}
