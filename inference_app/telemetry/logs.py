"""Records of the log as lines: JSON for programs, short text for a terminal.

Clients choose part of what is logged. No line holds a character that a terminal obeys, or that ends
the line for some reader.
"""

import io
import json
import logging
import sys
import threading
import time
from typing import Any

log = logging.getLogger(__name__)


def printable(text: str) -> str:
    r"""Return `text` with every character that is not printable as ``\uXXXX``.

    Those are, of Unicode's categories, Cc, Cf, Cs, Co, Cn, Zl, Zp, and Zs except the space. In JSON
    the escapes mean the same characters, but for a lone surrogate, which no valid JSON can hold.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "replace")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


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
        return printable(json.dumps(line, ensure_ascii=False, default=str))


class TextFormatter(logging.Formatter):
    """Formats a record as one short line, and below it an exception's, indented.

    `extra={"summary": "..."}` is the line; without one it is made of level, message and fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, without the last line end."""
        lines = [getattr(record, "summary", "") or self._summary(record)]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        return "\n    ".join(map(printable, lines))

    def _summary(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        fields = (f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        return level + record.getMessage() + "".join(fields)


class StderrLog(io.TextIOBase):
    """A text stream in place of stderr that logs what is printed to it, a record for each line."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str) -> int:
        """Log the lines that `text` ends."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            log.error(line)
        return len(text)


def logging_config(level: str, format_: str) -> dict[str, Any]:
    """Return a `logging.config.dictConfig` schema: all records on stdout.

    `format_` is ``json``, ``text``, or ``auto``: text if stdout is a terminal.
    """
    text = format_ == "text" or (format_ == "auto" and sys.stdout.isatty())
    handler = {
        "class": "logging.StreamHandler",
        "stream": "ext://sys.stdout",
        "formatter": "line",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": TextFormatter if text else JsonFormatter}},
        "handlers": {"stdout": handler},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {"propagate": True},
            "gunicorn.access": {},
            "PIL": {"level": "WARNING"},  # it would log what pictures hold
        },
    }


def capture() -> None:
    """Log in UTF-8, also what would go to stderr: warnings, uncaught exceptions, what is printed.

    Call it when logging is configured.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # also where the locale has another
    logging.raiseExceptions = False  # else a record that cannot be written would be printed
    logging.captureWarnings(True)
    sys.excepthook = lambda _type, error, _traceback: _log_uncaught(error)
    threading.excepthook = lambda thread: _log_uncaught(thread.exc_value)
    sys.stderr = StderrLog()


def _log_uncaught(error: BaseException | None) -> None:
    log.critical("uncaught exception", exc_info=error)
