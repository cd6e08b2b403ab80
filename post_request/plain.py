"""What pretty.py does, where rich is not installed: a plain table, and no progress bar."""

import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def print_table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]) -> None:
    """Print rows, each its cells and whether it failed; after two columns come numbers."""
    lines = [head, *(cells for cells, _ in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        padded += [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        sys.stdout.write("  ".join(padded) + "\n")


def track(results: Iterable[T], _total: int, _hidden: bool, /) -> Generator[T]:
    """Yield the results."""
    yield from results
