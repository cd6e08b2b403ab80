"""Writes settings.md beside it, from the table in inference_app/config.py and from .env.example.

python -m docs.settings
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from inference_app.config import Settings

PAGE = Path(__file__).with_name("settings.md")
EXAMPLE = Path(__file__).parent.parent / ".env.example"
TEXT = """\
# Settings

Written by `python -m docs.settings`: change `inference_app/config.py` and `.env.example` instead.

All are environment variables; an empty one means the default. A bad value ends the start with one
line that names it. `python -m inference_app doctor` lists those that are set.

## The app

Read by `python -m inference_app` and by both scripts. In Docker `MODEL_PATH`, `HOST` and `PORT` are
fixed; the others go into `.env`, which Compose reads. Vertex AI sets those that begin with `AIP_`.

| name | default | what it is | what it may be |
|---|---|---|---|
{app}

## The stack

Read by Docker Compose from `.env` or the environment. `MODEL_ID`, `HF_ENDPOINT`, `HTTP_PORT` (there
8080), `HTTP_HOST`, `HTTPS_PORT` (there 8443), `TLS_CERTIFICATE`, `TLS_KEY`, `TRUSTED_PROXY`,
`MAX_CONNS` and those that begin with `CLIENT_` are read by `./run_local.sh` too.

| name | default | what it is |
|---|---|---|
{stack}
"""


def app_settings() -> list[tuple[str, str, str, str]]:
    """Return name, default (empty where it depends on the machine), help and range of each."""
    return [
        (row.name.upper(), _text(row.default), row.metadata["help"], _range(row.metadata["parse"]))
        for row in fields(Settings)
    ]


def _text(default: Any) -> str:
    if default in (MISSING, None) or isinstance(default, Path):
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


def stack_settings() -> list[tuple[str, str, str]]:
    """Return name, default and help of each setting in the first part of .env.example."""
    part = re.split(r"^# --- .*$", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)[1]
    return [
        (name, default, " ".join(line.lstrip("# ") for line in help_.splitlines()))
        for help_, lines in re.findall(r"((?:^#.*\n)+)((?:^\w+=.*\n)+)", part, re.MULTILINE)
        for name, default in re.findall(r"^(\w+)=(.*)$", lines, re.MULTILINE)
    ]


def page() -> str:
    """Return the page as it should be."""
    app, stack = (_rows(table) for table in (app_settings(), stack_settings()))
    return TEXT.format(app=app, stack=stack)


def _range(parse: Callable[[str], Any]) -> str:
    """Return what a parser says that it wants."""
    try:
        parse("\0")
    except ValueError as wanted:
        return str(wanted)
    return "text"


def _rows(table: list[Any]) -> str:
    return "\n".join(
        f"| {' | '.join((f'`{name}`', f'`{default}`' if default else '', *rest))} |"
        for name, default, *rest in table
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
