"""A coloured table and a progress bar, drawn by rich."""

import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

T = TypeVar("T")


def print_table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]) -> None:
    """Print rows, each its cells and whether it failed; after two columns come numbers."""
    table = Table(*head[:2], box=box.SIMPLE_HEAD)
    for name in head[2:]:
        table.add_column(name, justify="right", no_wrap=True)
    for (file, text, *numbers), failed in rows:
        # Text, because rich looks for markup in strings.
        label = Text(text, style="red" if failed else "", overflow="fold")
        table.add_row(Text(file, overflow="fold"), label, *numbers)
    # In a file or a pipe nothing is to be wrapped.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def track(results: Iterable[T], total: int, hidden: bool, /) -> Generator[T]:
    """Yield the results, and show on standard error how many of the total are done."""
    # rich would send what goes to standard output to the bar's stream.
    console = Console(stderr=True)
    with Progress(console=console, disable=hidden, transient=True, redirect_stdout=False) as bar:
        yield from bar.track(results, total=total)
