"""The README's commands and tables, as tests read them."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

from inference_app.config import Settings
from tests.conftest import REPO


def commands() -> dict[str, list[str]]:
    """Return the command lines in ``sh`` blocks, by the heading above them."""
    found: dict[str, list[str]] = {}
    heading, inside = "", False
    for line in (REPO / "README.md").read_text("utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```sh"
        elif inside:
            found.setdefault(heading, []).append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def table_rows() -> list[list[str]]:
    """Return the cells of every row of every table."""
    rows = re.findall(r"^\|(.*)\|$", (REPO / "README.md").read_text("utf-8"), re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def settings_rows() -> list[list[str]]:
    """Return the rows that the README's table of settings must have."""
    return [[f"`{name}`", _code(default), help_] for name, default, help_ in settings_table()]


def settings_table() -> list[tuple[str, str, str]]:
    """Return name, default (empty where it depends on the machine) and help of each setting."""
    table = []
    for row in fields(Settings):
        known = row.default is not MISSING and not isinstance(row.default, Path | None)
        default = row.default if known else ""
        text = ",".join(default) if isinstance(default, tuple) else str(default)
        table.append((row.name.upper(), text, row.metadata["help"]))
    return table


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
