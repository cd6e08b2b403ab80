"""Records as JSON and as text; what is printed becomes records; nothing in a line is a control."""

import json
import logging
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from inference_app.telemetry.logs import (
    JsonFormatter,
    StderrLog,
    TextFormatter,
    logging_config,
    printable,
)
from tests.support.server import environment


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    """Make a log record of 2001-09-09, 01:46:40.123 UTC."""
    made = logging.LogRecord("some.logger", logging.WARNING, "x.py", 1, message, arguments, None)
    made.created, made.msecs = 1_000_000_000.123, 123.0
    vars(made).update(more)
    return made


def test_a_record_is_one_line_of_json() -> None:
    line = JsonFormatter().format(record("hello %s", "wörld\nnext", process=7))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2001-09-09T01:46:40.123Z",
        "level": "warning",
        "logger": "some.logger",
        "message": "hello wörld\nnext",
        "pid": 7,
    }


def test_times_are_utc_wherever_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        line = json.loads(JsonFormatter().format(record("hello")))
    time.tzset()
    assert line["time"] == "2001-09-09T01:46:40.123Z"


def test_fields_are_part_of_the_line() -> None:
    line = json.loads(JsonFormatter().format(record("request", fields={"status": 200})))
    assert line["status"] == 200
    assert "fields" not in line


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: broken")
    assert "Traceback" in json.loads(line)["exception"]


# A character of each kind that a terminal may obey, or that ends a line for some reader.
CONTROLS = [*"\x1b\x7f\x85\x9b\u2028\u2029\u202e\u2066\ue000\U000e0001"]


@pytest.mark.parametrize("character", CONTROLS, ids=ascii)
def test_a_line_of_json_holds_no_control(character: str) -> None:
    line = JsonFormatter().format(record("a%sb", character, fields={"path": f"/{character}"}))
    assert line.isprintable()
    assert json.loads(line)["message"] == f"a{character}b"
    assert json.loads(line)["path"] == f"/{character}"


def test_every_control_and_format_character_is_escaped() -> None:
    unwanted = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in unwanted:
            assert printable(chr(code)).isascii()
            assert printable(chr(code)).isprintable()


def test_a_lone_surrogate_makes_no_line_invalid() -> None:
    line = JsonFormatter().format(record("a\udc80b"))
    assert json.loads(line.encode())["message"] == "a?b"


def test_what_json_does_not_know_is_logged_as_text() -> None:
    line = JsonFormatter().format(record("failed", fields={"file": Path("a")}))
    assert json.loads(line)["file"] == "a"


def test_text_is_a_request_s_summary() -> None:
    assert (
        TextFormatter().format(record("request", summary="POST /a 200", fields={})) == "POST /a 200"
    )


def test_text_names_level_and_fields() -> None:
    made = record("few files", fields={"connections": 16})
    assert TextFormatter().format(made) == "warning: few files connections=16"
    made.levelno, made.levelname = logging.INFO, "INFO"
    assert TextFormatter().format(made) == "few files connections=16"


@pytest.mark.parametrize("character", [*CONTROLS, "\n", "\r"], ids=ascii)
def test_text_is_one_line_without_controls(character: str) -> None:
    for made in (record(f"a{character}b"), record("request", summary=f"GET /{character}")):
        assert TextFormatter().format(made).isprintable()


def test_an_exception_is_indented_below_its_text() -> None:
    try:
        raise ValueError("broken\nPOST /forged 200\x1b[2J")
    except ValueError:
        first, *rest = TextFormatter().format(record("failed", exc_info=sys.exc_info())).split("\n")
    assert first == "warning: failed"
    assert rest[0].strip() == "Traceback (most recent call last):"
    assert rest[-1] == r"    POST /forged 200\u001b[2J"
    assert all(line.startswith("    ") for line in rest)


def test_what_is_printed_to_stderr_is_logged_by_line(caplog: pytest.LogCaptureFixture) -> None:
    stream = StderrLog()
    print("one", "two", file=stream)
    print("three\n\nfo", end="", file=stream)
    assert caplog.messages == ["one two", "three"]
    print("ur", file=stream)
    assert caplog.messages == ["one two", "three", "four"]


@pytest.mark.parametrize(
    ("format_", "terminal", "expected"),
    [
        ("auto", False, JsonFormatter),
        ("auto", True, TextFormatter),
        ("json", True, JsonFormatter),
        ("text", False, TextFormatter),
    ],
)
def test_a_terminal_gets_text(
    monkeypatch: pytest.MonkeyPatch, format_: str, terminal: bool, expected: type
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    config = logging_config("info", format_)
    assert config["formatters"] == {"line": {"()": expected}}


def test_everything_is_logged_to_stdout() -> None:
    config = logging_config("debug", "json")
    assert config["root"] == {"level": "DEBUG", "handlers": ["stdout"]}
    assert config["handlers"]["stdout"]["stream"] == "ext://sys.stdout"
    assert config["disable_existing_loggers"] is False


CAPTURED = """
import logging.config, sys, threading, warnings
from inference_app.telemetry import logs

logging.config.dictConfig(logs.logging_config("info", "json"))
logs.capture()
warnings.warn("a\\x1b[2J\\nwarning")
print("gedr\u00fcckt \u0142", file=sys.stderr)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("at the end")
"""


def test_warnings_prints_and_uncaught_exceptions_are_a_line_each() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAPTURED],
        env=environment(PYTHONIOENCODING="latin-1"),
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    warning, printed, thread, last = (json.loads(line) for line in done.stdout.splitlines())
    assert "UserWarning: a\x1b[2J\nwarning" in warning["message"]
    assert printed["message"] == "gedrückt ł"
    assert thread["exception"].endswith("ZeroDivisionError: division by zero")
    assert last["exception"].endswith("ValueError: at the end")
