"""Draws which folder of the server imports which, from the imports themselves.

python -m docs.rooms    writes the drawing into architecture.md beside it
"""

import re
from pathlib import Path

import grimp

PAGE = Path(__file__).with_name("architecture.md")
PACKAGE = "inference_app"


def room(module: str) -> str:
    """Return the folder, or the single module at the top, that a module belongs to."""
    return ".".join(module.split(".")[:2])


def arrows(package: str = PACKAGE) -> list[tuple[str, str]]:
    """Return who imports whom, room by room, as the package's source says."""
    graph = grimp.build_graph(package)
    pairs = {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    return sorted((a, b) for a, b in pairs if a != b and PACKAGE not in (a, b))


def drawing(pairs: list[tuple[str, str]]) -> str:
    """Return the arrows as a Mermaid flowchart; those to errors and version are left out."""
    known_to_all = {f"{PACKAGE}.errors", f"{PACKAGE}.version"}
    lines = [
        f"    {a.removeprefix(PACKAGE + '.')} --> {b.removeprefix(PACKAGE + '.')}"
        for a, b in pairs
        if b not in known_to_all
    ]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def page() -> str:
    """Return architecture.md as it should be."""
    text = PAGE.read_text("utf-8")
    pattern = r"(<!-- rooms, .*? -->\n).*?(\n<!-- end of rooms -->)"
    return re.sub(pattern, lambda m: m[1] + drawing(arrows()) + m[2], text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
