"""Classify pictures with an image-classification server: `python post_request.py FILE...`."""

import argparse
import io
import os
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pictures
import requests
from client import Client, PredictError, ServerAwayError, predict_url
from reports import UNREADABLE, Outcome, complain, report_json, report_plain, report_table, track

LOCAL = ("http://localhost:8080", "http://localhost")  # run_local.sh serves there, run_docker.sh
ALL_OK, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130


def ask(client: Client, file: str, top_k: int | None) -> Outcome:
    """Classify a file; an unreadable one is a failure like others. Raises ServerAwayError."""
    start = time.perf_counter()
    try:
        return Outcome(file, client.predict(file, top_k), time.perf_counter() - start)
    except ServerAwayError:
        raise
    except PredictError as error:
        return Outcome(file, error, time.perf_counter() - start)
    except OSError as error:
        message = f"cannot read {file}: {error.strerror or error}"
        return Outcome(file, PredictError(UNREADABLE, message), 0.0)


def ask_all(
    client: Client, options: argparse.Namespace, files: Sequence[str]
) -> Generator[Outcome]:
    """Classify files, several at a time; yield the outcomes in the order of the files."""
    pool = ThreadPoolExecutor(options.concurrency or (1 if len(files) == 1 else 4))
    watched = len(files) > 1 and sys.stderr.isatty()
    in_the_way = options.json and sys.stdout.isatty()
    with client:
        outcomes = pool.map(lambda file: ask(client, file, options.top_k), files)
        try:
            yield from track(outcomes, len(files), in_the_way or not watched)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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
    """Read the command line; exit with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="post_request.py",
        description=__doc__,
        epilog=f"Without --url it looks for a server at {' and '.join(LOCAL)}. An API key is taken "
        "from the environment, PREDICT_API_KEY: other users of a machine see arguments.",
    )
    add = parser.add_argument
    add("pictures", nargs="+", metavar="FILE", help="a picture, a folder or a pattern")
    address = os.environ.get("PREDICT_URL") or None
    add("--url", type=predict_url, default=address, help="the server (or PREDICT_URL)")
    add("--top-k", type=count, metavar="N", help="also ask for the N best labels and their scores")
    add("--concurrency", type=count, metavar="N", help="requests at a time (1 file: 1, many: 4)")
    add("--json", action="store_true", help="print a line of JSON for each file")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long (60)")
    return parser.parse_args(arguments)


def find_server() -> str:
    """Return the address of a server on this machine. Raises ServerAwayError."""
    for address in LOCAL:
        with suppress(requests.RequestException):
            if requests.get(f"{address}/livez", timeout=2).ok:
                return address
    raise ServerAwayError("server_away", f"no server at {' or '.join(LOCAL)}")


def connect(options: argparse.Namespace) -> Client:
    """Return a client; exit with status 2 if the API key cannot be one. Raises ServerAwayError."""
    url, key = options.url or find_server(), os.environ.get("PREDICT_API_KEY")
    try:
        return Client(url, api_key=key, timeout=options.timeout)
    except ValueError as error:
        complain(f"PREDICT_API_KEY: {error}")
        sys.exit(NOTHING_DONE)


def exit_status(outcomes: Sequence[Outcome], complete: bool) -> int:
    """Return the process's exit status."""
    if not any(outcome.sent for outcome in outcomes):
        return NOTHING_DONE
    return ALL_OK if complete and all(outcome.ok for outcome in outcomes) else SOME_FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify what the command line names, print the results, return the exit status."""
    options = parse(arguments)
    files, problems = pictures.find(options.pictures)
    for problem in problems:
        complain(problem)
    if not files:
        return NOTHING_DONE
    report = report_json if options.json else report_plain if len(files) == 1 else report_table
    try:
        with closing(ask_all(connect(options), options, files)) as outcomes:
            return exit_status(report(files, outcomes), complete=not problems)
    except ServerAwayError as error:
        complain(f"{error}: start it (./run_local.sh or ./run_docker.sh) or give --url")
        return NOTHING_DONE


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else Windows writes files in an old code page
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # an ordinary exit waits for the threads, and they for the server
    except BrokenPipeError:  # the reader of our output has ended, as `head` does
        os._exit(SOME_FAILED)
