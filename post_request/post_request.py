"""Ask an image-classification server what pictures show: `python post_request.py FILE...`."""

import argparse
import glob
import io
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from urllib3.exceptions import NewConnectionError
from urllib3.util import Retry

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".mpo")
ALL_OK, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130


class Retries(Retry):
    """Which failures pass: not 413, which urllib3 would repeat when it has a Retry-After."""

    RETRY_AFTER_STATUS_CODES = frozenset({429, 502, 503})


# A prediction changes nothing, so it may be asked for again: 3 tries, at most 10 s apart.
RETRIES = Retries(
    total=2,
    connect=0,
    read=False,
    other=0,
    allowed_methods={"POST"},
    status_forcelist=Retries.RETRY_AFTER_STATUS_CODES,
    backoff_factor=0.5,
    backoff_max=10,
    retry_after_max=10,
    raise_on_status=False,
)


class ServerAwayError(Exception):
    """Nobody listens at the address."""


@dataclass(frozen=True)
class Answer:
    """What became of one picture: HTTP status (None: no answer came), JSON object, seconds."""

    file: str
    status: int | None
    body: dict[str, Any]
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether the server classified the picture."""
        return self.status == 200 and self.body.get("success") is True

    @property
    def sent(self) -> bool:
        """Tell whether the picture could be read and sent."""
        return self.status is not None or self.body["error"]["type"] != "unreadable_file"

    @property
    def label(self) -> str:
        """The label, unpacked from the JSON in the JSON; empty when there is none."""
        try:
            return str(json.loads(self.body["response"]["body"]))
        except (KeyError, TypeError, ValueError):
            return ""

    @property
    def score(self) -> float | None:
        """The score of the first prediction, 0 to 1; None when the answer has no predictions."""
        try:
            return float(self.body["predictions"][0]["score"])
        except (KeyError, IndexError, TypeError, ValueError):
            return None

    @property
    def problem(self) -> str:
        """The message of a failure, after its status."""
        error = self.body.get("error")
        message = error.get("message") if isinstance(error, dict) else error
        text = str(message or f"unexpected answer: {json.dumps(self.body)}")[:300]
        return text if self.status is None else f"{self.status} {text}"


class Client:
    """One server, which several threads may ask at the same time; close it, or use `with`."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        """Take the server's address (ValueError if it is none) and the seconds to wait for it."""
        self.url = predict_url(url)
        self.timeout = timeout
        self._sessions: dict[int, requests.Session] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            session.close()

    def predict(self, picture: str | Path, top_k: int | None = None) -> Answer:
        """Classify a picture; raise OSError if unreadable, ServerAwayError if nobody listens."""
        start = time.perf_counter()
        with Path(picture).open("rb") as file:
            status, body = self._post(Path(picture).name, file, top_k)
        return Answer(str(picture), status, body, time.perf_counter() - start)

    def _post(
        self, name: str, file: BinaryIO, top_k: int | None
    ) -> tuple[int | None, dict[str, Any]]:
        try:
            response = self._session().post(
                self.url,
                params={"top_k": top_k},  # None is left out
                files={"image": (harmless(name), file)},
                timeout=self.timeout,
            )
        except requests.RequestException as error:
            if is_away(error):
                raise ServerAwayError(self.url) from error
            return None, failure("no_answer", f"no answer from the server: {error}")
        return response.status_code, json_object(response)

    def _session(self) -> requests.Session:
        """Return this thread's own session: requests does not promise that one can be shared."""
        thread = threading.get_ident()
        if thread not in self._sessions:
            self._sessions[thread] = session = requests.Session()
            session.mount("http://", HTTPAdapter(max_retries=RETRIES))
            session.mount("https://", HTTPAdapter(max_retries=RETRIES))
        return self._sessions[thread]


def predict_url(text: str) -> str:
    """Complete a server's address to that of its /predict; raise ValueError if it is none."""
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"not the address of a server: {text}")
    return url.rstrip("/").removesuffix("/predict").rstrip("/") + "/predict"


def is_away(error: requests.RequestException) -> bool:
    """Tell a server that could not be reached from one that broke off."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return the answer's JSON object; a failure in its shape if a proxy answered otherwise."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    start = " ".join(response.text.split())[:200]
    message = f"{response.reason}: the answer is no JSON object: {start}"
    return failure("not_json", message, response.headers.get("X-Request-ID"))


def failure(kind: str, message: str, request_id: str | None = None) -> dict[str, Any]:
    """Give a failure of our own the shape of the server's."""
    error = {"type": kind, "message": message, "request_id": request_id}
    return {"success": False, "error": error}


def harmless(text: str) -> str:
    r"""Write what a terminal might obey as JSON does (\u001b), so that JSON stays the same."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line at once, to standard output unless told otherwise."""
    stream = stream or sys.stdout
    stream.write(f"{harmless(line)}\n")
    stream.flush()


def complain(line: str) -> None:
    """Print a line about a problem."""
    say(f"post_request: {line}", sys.stderr)


def expand(argument: str) -> list[str]:
    """Return the files that a file, folder or pattern stands for."""
    matches = [argument]
    if glob.escape(argument) != argument and not Path(argument).exists():
        # Windows' shells leave patterns to us. Path.glob() would refuse absolute ones.
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207
    return [file for match in matches for file in pictures_below(match)]


def pictures_below(path: str) -> list[str]:
    """Return a folder's pictures at any depth, without hidden ones; a file as it is."""
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    below = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    pictures = (file for file in below if file.suffix.lower() in PICTURE_SUFFIXES)
    visible = (file for file in pictures if not any(part.startswith(".") for part in file.parts))
    return [str(folder / file) for file in sorted(visible)]


def nothing_found(argument: str) -> str:
    """Say why an argument stands for no file."""
    if Path(argument).is_dir():
        return f"no picture in the folder {argument} ({' '.join(PICTURE_SUFFIXES)})"
    return f"no file matches {argument}"


def ask(client: Client, file: str, top_k: int | None) -> Answer:
    """Classify a file; an unreadable one is a failure like others."""
    try:
        return client.predict(file, top_k)
    except OSError as error:
        message = f"cannot read {file}: {error.strerror or error}"
        return Answer(file, None, failure("unreadable_file", message), 0.0)


def ask_all(options: argparse.Namespace, files: Sequence[str]) -> Generator[Answer]:
    """Classify files, several at a time; yield the answers in the order of the files."""
    pool = ThreadPoolExecutor(options.concurrency or (1 if len(files) == 1 else 4))
    with Client(options.url, options.timeout) as client, progress_bar(options, files) as bar:
        answers = pool.map(lambda file: ask(client, file, options.top_k), files)
        try:
            yield from bar.track(answers, total=len(files))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def progress_bar(options: argparse.Namespace, files: Sequence[str]) -> Progress:
    """Return a bar on standard error, hidden when nobody watches or when it would be in the way."""
    wanted = len(files) > 1 and sys.stderr.isatty() and not (options.json and sys.stdout.isatty())
    # rich would send what goes to standard output to the bar's stream.
    return Progress(
        console=Console(stderr=True), disable=not wanted, transient=True, redirect_stdout=False
    )


def report_plain(files: Sequence[str], answers: Iterable[Answer]) -> list[Answer]:
    """Print one file's answer, as the server sent it."""
    say(f"Checking results for {files[0]}")
    (answer,) = answers
    if answer.status is None:
        complain(answer.problem)
    else:
        say(json.dumps(answer.body, ensure_ascii=False))
    return [answer]


def report_json(_: Sequence[str], answers: Iterable[Answer]) -> list[Answer]:
    """Print a line of JSON for each file, as soon as it and those before it are done."""
    done = []
    for answer in answers:
        ours = {"file": answer.file, "status": answer.status}
        say(json.dumps(ours | answer.body | ours, ensure_ascii=False))  # ours first, and they win
        done.append(answer)
    return done


def report_table(_: Sequence[str], answers: Generator[Answer]) -> list[Answer]:
    """Print a table and totals when all is done, or when it is cut short."""
    done: list[Answer] = []
    start = time.perf_counter()
    try:
        done.extend(answers)
    finally:
        answers.close()  # takes the progress bar away
        if done:
            print_summary(done, time.perf_counter() - start)
    return done


def print_summary(answers: Sequence[Answer], seconds: float) -> None:
    """Print a table of the answers and a line of totals."""
    table = Table("file", "label", box=box.SIMPLE_HEAD)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    for answer in answers:
        table.add_row(*summary_row(answer))
    # In a file or a pipe nothing is to be wrapped.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
    ok = sum(answer.ok for answer in answers)
    say(f"{ok} ok, {len(answers) - ok} failed, {ok / seconds:.1f} pictures/s")


def summary_row(answer: Answer) -> tuple[Text, Text, str, str]:
    """Return an answer's cells; Text, because rich looks for markup in strings."""
    result = answer.label if answer.ok else answer.problem
    return (
        Text(harmless(answer.file), overflow="fold"),
        Text(harmless(result), style="" if answer.ok else "red", overflow="fold"),
        "" if answer.score is None else f"{answer.score:.3f}",
        f"{answer.seconds * 1000:.0f}",
    )


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def seconds(text: str) -> float:
    """Read a time in seconds, above 0 and at most a day."""
    if not 0 < (number := float(text)) <= 86_400:
        raise ValueError
    return number


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exit with status 2 if it makes no sense."""
    parser = argparse.ArgumentParser(prog="post_request.py", description=__doc__)
    add = parser.add_argument
    add("pictures", nargs="+", metavar="FILE", help="a picture, a folder or a pattern")
    address = os.environ.get("PREDICT_URL") or "http://localhost"
    add("--url", type=predict_url, default=address, help="the server (PREDICT_URL, or %(default)s)")
    add("--top-k", type=count, metavar="N", help="also ask for the N best labels and their scores")
    add("--concurrency", type=count, metavar="N", help="requests at a time (1 file: 1, many: 4)")
    add("--json", action="store_true", help="print a line of JSON for each file")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long (60)")
    return parser.parse_args(arguments)


def find_files(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Return the files that the arguments stand for, and whether each stands for any."""
    found = {argument: expand(argument) for argument in arguments}
    for argument in (argument for argument, files in found.items() if not files):
        complain(nothing_found(argument))
    return list(dict.fromkeys(itertools.chain(*found.values()))), all(found.values())


def exit_status(answers: Sequence[Answer], complete: bool) -> int:
    """Return the process's exit status."""
    if not any(answer.sent for answer in answers):
        return NOTHING_DONE
    return ALL_OK if complete and all(answer.ok for answer in answers) else SOME_FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify what the command line names, print the answers, return the exit status."""
    options = parse(arguments)
    files, complete = find_files(options.pictures)
    if not files:
        return NOTHING_DONE
    report = report_json if options.json else report_plain if len(files) == 1 else report_table
    try:
        with closing(ask_all(options, files)) as answers:
            return exit_status(report(files, answers), complete)
    except ServerAwayError as error:
        complain(
            f"no server at {error}: start it (./run_local.sh or ./run_docker.sh) or give --url"
        )
        return NOTHING_DONE


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else Windows writes files in an old code page
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # an ordinary exit waits for the threads, and they for the server
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os._exit(SOME_FAILED)
