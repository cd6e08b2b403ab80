"""The documents' commands and tables, as tests read them."""

import re

from tests.conftest import REPO

README = "README.md"


def blocks(document: str = README, language: str = "sh") -> dict[str, list[str]]:
    """Return the fenced blocks in a language, by the heading above them."""
    found: dict[str, list[str]] = {}
    heading, inside = "", ""
    for line in (REPO / document).read_text("utf-8").splitlines(keepends=True):
        if line.startswith("```"):
            inside = "" if inside else line[3:].strip() or "text"
            if inside == language:
                found.setdefault(heading, []).append("")
        elif inside == language:
            found[heading][-1] += line
        elif line.startswith("#") and not inside:
            heading = line.lstrip("# ").strip()
    return found


def commands(document: str = README) -> dict[str, list[str]]:
    """Return the command lines in ``sh`` blocks, by the heading above them."""
    return {
        heading: [line for text in texts for line in text.splitlines()]
        for heading, texts in blocks(document).items()
    }


def table_rows(document: str = README) -> list[list[str]]:
    """Return the cells of every row of every table."""
    rows = re.findall(r"^\|(.*)\|$", (REPO / document).read_text("utf-8"), re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]
