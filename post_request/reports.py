"""What is printed about pictures: one answer as it came, a table with totals, or lines of JSON."""

import json
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from client import PredictError, Result, printable
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

UNREADABLE = "unreadable_file"


@dataclass(frozen=True)
class Outcome:
    """What became of one file, and the seconds it took."""

    file: str
    answer: Result | PredictError
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether the server classified the picture."""
        return isinstance(self.answer, Result)

    @property
    def sent(self) -> bool:
        """Tell whether the picture could be read and sent."""
        return isinstance(self.answer, Result) or self.answer.type != UNREADABLE

    @property
    def status(self) -> int | None:
        """The HTTP status; None: no answer came."""
        return 200 if isinstance(self.answer, Result) else self.answer.status

    @property
    def text(self) -> str:
        """The label, or the message of a failure after its status."""
        if isinstance(self.answer, Result):
            return self.answer.label
        status = f"{self.answer.status} " if self.answer.status else ""
        return f"{status}{self.answer.message}"[:300]

    @property
    def score(self) -> str:
        """The score of the first prediction; empty when none were asked for."""
        ranking = self.answer.predictions if isinstance(self.answer, Result) else ()
        return f"{ranking[0].score:.3f}" if ranking else ""


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line at once, to standard output unless told otherwise."""
    stream = stream or sys.stdout
    stream.write(f"{printable(line)}\n")
    stream.flush()


def complain(line: str) -> None:
    """Print a line about a problem."""
    say(f"post_request: {line}", sys.stderr)


def report_plain(files: Sequence[str], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Print one file's answer, as the server sent it."""
    say(f"Checking results for {files[0]}")
    (outcome,) = outcomes
    if outcome.status is None:
        complain(outcome.text)
    else:
        say(to_json(outcome.answer.body))
    return [outcome]


def report_json(_: Sequence[str], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Print a line of JSON for each file, as soon as it and those before it are done."""
    done = []
    for outcome in outcomes:
        ours = {"file": outcome.file, "status": outcome.status}
        say(to_json(ours | outcome.answer.body | ours))  # ours first, and they win
        done.append(outcome)
    return done


def report_table(_: Sequence[str], outcomes: Generator[Outcome]) -> list[Outcome]:
    """Print a table and totals when all is done, or when it is cut short."""
    done: list[Outcome] = []
    start = time.perf_counter()
    try:
        done.extend(outcomes)
    finally:
        outcomes.close()  # takes the progress bar away
        if done:
            print_summary(done, time.perf_counter() - start)
    return done


def to_json(body: dict[str, Any]) -> str:
    """Write JSON on one line, with labels in their own letters."""
    return json.dumps(body, ensure_ascii=False)


def print_summary(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print a table of the outcomes and a line of totals."""
    table = Table("file", "label", box=box.SIMPLE_HEAD)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*summary_row(outcome))
    # In a file or a pipe nothing is to be wrapped.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
    ok = sum(outcome.ok for outcome in outcomes)
    say(f"{ok} ok, {len(outcomes) - ok} failed, {ok / seconds:.1f} pictures/s")


def summary_row(outcome: Outcome) -> tuple[Text, Text, str, str]:
    """Return an outcome's cells; Text, because rich looks for markup in strings."""
    return (
        Text(printable(outcome.file), overflow="fold"),
        Text(printable(outcome.text), style="" if outcome.ok else "red", overflow="fold"),
        outcome.score,
        f"{outcome.seconds * 1000:.0f}",
    )
