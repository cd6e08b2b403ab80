"""What is printed about pictures: one response as it came, a table with totals, or JSON lines."""

import json
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from client import PredictError, Result, printable

try:
    from pretty import print_table
    from pretty import track as track
except ModuleNotFoundError:  # rich is not installed: the client needs only requests
    from plain import print_table
    from plain import track as track

UNREADABLE = "unreadable_file"


@dataclass(frozen=True)
class Outcome:
    """The result of one file, and the seconds it took."""

    file: str
    result: Result | PredictError
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the server classified the picture."""
        return isinstance(self.result, Result)

    @property
    def sent(self) -> bool:
        """Whether the picture could be read and sent."""
        return isinstance(self.result, Result) or self.result.type != UNREADABLE

    @property
    def status(self) -> int | None:
        """The HTTP status; None if no response came."""
        return 200 if isinstance(self.result, Result) else self.result.status

    @property
    def text(self) -> str:
        """The label, or the message of a failure after its status."""
        if isinstance(self.result, Result):
            return self.result.label
        status = f"{self.result.status} " if self.result.status else ""
        return f"{status}{self.result.message}"[:300]

    @property
    def score(self) -> str:
        """The score of the first prediction; empty if there are none."""
        ranking = self.result.predictions if isinstance(self.result, Result) else ()
        return f"{ranking[0].score:.3f}" if ranking else ""


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line at once, by default to standard output."""
    stream = stream or sys.stdout
    stream.write(f"{printable(line)}\n")
    stream.flush()


def complain(line: str) -> None:
    """Print a line about a problem."""
    say(f"post_request: {line}", sys.stderr)


def report_plain(files: Sequence[str], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Print the response to one file, as the server sent it."""
    say(f"Checking results for {files[0]}")
    (outcome,) = outcomes
    if outcome.status is None:
        complain(outcome.text)
    else:
        say(to_json(outcome.result.body))
    return [outcome]


def report_json(_: Sequence[str], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Print a line of JSON for each file, in order, as soon as it is done."""
    done = []
    for outcome in outcomes:
        ours = {"file": outcome.file, "status": outcome.status}
        say(to_json(ours | outcome.result.body | ours))  # ours first, and they win
        done.append(outcome)
    return done


def report_table(_: Sequence[str], outcomes: Generator[Outcome]) -> list[Outcome]:
    """Print a table and totals when all files are done, or when it is interrupted."""
    done: list[Outcome] = []
    start = time.perf_counter()
    try:
        done.extend(outcomes)
    finally:
        outcomes.close()  # removes the progress bar
        if done:
            print_summary(done, time.perf_counter() - start)
    return done


def to_json(body: dict[str, Any]) -> str:
    """Return JSON on one line, with labels in their own letters."""
    return json.dumps(body, ensure_ascii=False)


def print_summary(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print a table of the outcomes and a line of totals."""
    rows = [(cells(outcome), not outcome.ok) for outcome in outcomes]
    print_table(("file", "label", "score", "ms"), rows)
    ok = sum(outcome.ok for outcome in outcomes)
    say(f"{ok} ok, {len(outcomes) - ok} failed, {ok / seconds:.1f} pictures/s")


def cells(outcome: Outcome) -> tuple[str, str, str, str]:
    """Return an outcome's cells in the table."""
    milliseconds = f"{outcome.seconds * 1000:.0f}"
    return printable(outcome.file), printable(outcome.text), outcome.score, milliseconds
