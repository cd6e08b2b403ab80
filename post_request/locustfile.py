"""A load test: users that post pictures one after the other, more of them with each step.

    locust -f post_request/locustfile.py --headless --host http://localhost:8080 --users 32 \
        --run-time 90s --steps 6 --html report.html

Prints a line for each step when it is over: requests/s, failures, times. Exits with 1 if anything
failed. `--print-stats` prints Locust's own figures every two seconds too.
"""

import base64
import functools
import json
import math
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import choice
from typing import Any

import pictures
from locust import FastHttpUser, LoadTestShape, events, task
from locust.runners import WorkerRunner
from locust.stats import RequestStats, diff_response_time_dicts
from locust.stats import calculate_response_time_percentile as percentile
from urllib3 import encode_multipart_formdata

RUN_TIME = 60  # seconds, without --run-time
PERCENTILES = (0.5, 0.95, 0.99)
HEAD = "   users      ok/s    failed    p50 ms    p95 ms    p99 ms"

Encode = Callable[[bytes], tuple[bytes, str]]  # a picture to a request's body and Content-Type


def form(field: str) -> Encode:
    """Send a picture in a field of a form."""
    return lambda picture: encode_multipart_formdata({field: ("picture", picture)})


def raw(picture: bytes) -> tuple[bytes, str]:
    """Send a picture as it is."""
    return picture, "application/octet-stream"


def in_json(picture: bytes) -> tuple[bytes, str]:
    """Send a picture as base64 in JSON."""
    body = json.dumps({"image": base64.b64encode(picture).decode()})
    return body.encode(), "application/json"


# What clients of the server send, and where to.
CONTRACTS: dict[str, tuple[str, Encode]] = {
    "predict-image": ("/predict", form("image")),
    "predict-file": ("/predict", form("file")),
    "root-image": ("/", form("image")),
    "upload-file": ("/upload", form("file")),
    "raw": ("/predict", raw),
    "json": ("/predict", in_json),
}


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    """Add our options to Locust's command line."""
    parser.set_defaults(loglevel="WARNING")
    add: Any = parser.add_argument
    samples = str(Path(__file__).parent / "images")
    add("--pictures", type=existing, default=samples, help="a picture, a folder or a pattern")
    add("--contract", choices=list(CONTRACTS), default="predict-image", help="how they are sent")
    add("--steps", type=positive, default=1, help="steps up to --users, each twice the one before")


def existing(argument: str) -> str:
    """Check that there is something to send; ArgumentTypeError if not."""
    found(argument)
    return argument


@functools.cache
def found(argument: str) -> list[str]:
    """Return the files that --pictures stands for; ArgumentTypeError if there are none."""
    files, problems = pictures.find([argument])
    if readable := [file for file in files if Path(file).is_file()]:
        return readable
    raise ArgumentTypeError(problems[0] if problems else f"there is no file {argument}")


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


class PictureUser(FastHttpUser):
    """Posts the next picture when it has the response to the one before."""

    host = "http://localhost"
    failed = False
    insecure = False  # certificates are checked; SSL_CERT_FILE names another authority

    def on_start(self) -> None:
        """Read the options, which a worker has got from its master by now."""
        options = self.environment.parsed_options
        self.files = found(options.pictures)
        self.path, self.encode = CONTRACTS[options.contract]
        key = os.environ.get("PREDICT_API_KEY")
        self.headers = {"Accept": "application/json"}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"

    @task
    def post_a_picture(self) -> None:
        """Post one; a status other than 200 is a failure of the type that the server names."""
        picture = Path(choice(self.files)).read_bytes()  # noqa: S311
        body, kind = self.encode(picture)
        with self.client.post(
            self.path,
            data=body,  # type: ignore[arg-type] # sent as they are
            headers=self.headers | {"Content-Type": kind},
            name=f"{self.path} {size_class(len(picture))}",
            catch_response=True,
        ) as response:
            self.failed = response.status_code != 200
            if self.failed:
                response.request_meta["response_time"] = None  # a quick refusal is not speed
            if self.failed and response.status_code:  # without one, Locust says what happened
                response.failure(f"{response.status_code} {error_type(response.text)}")

    def wait_time(self) -> float:
        """Return the seconds until the next picture: 1 after a failure, as clients wait."""
        return 1 if self.failed else 0


def size_class(size: int) -> str:
    """Return the class that a picture of so many bytes is counted in."""
    return next((f"up to {top} KB" for top in (100, 1000) if size <= top * 1000), "over 1000 KB")


def error_type(text: str | None) -> str:
    """Return the type of error that the server names in its JSON."""
    try:
        return str(json.loads(text or "")["error"]["type"])
    except (ValueError, KeyError, TypeError):
        return "without an error type"


class Steps(LoadTestShape):
    """As many steps as `--steps` says, each with twice the users of the one before."""

    use_common_options = True
    runner: Any

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users, and how many start each second; None at the end."""
        options = self.runner.environment.parsed_options
        step = int(self.get_run_time() * options.steps / (options.run_time or RUN_TIME))
        users = math.ceil((options.num_users or 1) / 2 ** (options.steps - 1 - step))
        return (users, min(users, 100)) if step < options.steps else None


@dataclass(frozen=True)
class Mark:
    """The counts when a step began, with its users; `times` counts rounded ms."""

    users: int
    at: float
    requests: int
    failures: int
    times: dict[int, int]

    @classmethod
    def now(cls, users: int, stats: RequestStats) -> "Mark":
        """Read the counts; their time is that of the last request among them."""
        total = stats.total
        at = stats.last_request_timestamp or stats.start_time
        return cls(users, at, total.num_requests, total.num_failures, dict(total.response_times))

    def row(self, end: "Mark") -> str:
        """Return the line of the step from this mark to the `end`."""
        failures = end.failures - self.failures
        served = end.requests - self.requests - failures
        rate = served / ((end.at - self.at) or 1)
        times = diff_response_time_dicts(end.times, self.times)
        shares = [percentile(times, served, p) for p in PERCENTILES]
        return f"{self.users:8}{rate:10.1f}{failures:10}" + "".join(f"{ms:10}" for ms in shares)


@events.init.add_listener
def print_steps(environment: Any, runner: Any, **_: object) -> None:
    """Print a line for each step, above Locust's summary; a worker leaves that to its master."""
    options = environment.parsed_options
    options.only_summary |= not options.print_stats
    if isinstance(runner, WorkerRunner):
        return
    marks: list[Mark] = []

    def begin(user_count: int) -> None:
        marks.append(Mark.now(user_count, environment.stats))
        say(marks[-2].row(marks[-1]) if marks[1:] else HEAD)

    def end(**_: object) -> None:
        if marks:
            say(marks[-1].row(Mark.now(0, environment.stats)) + "\n")

    environment.events.test_start.add_listener(lambda **_: marks.clear())
    environment.events.spawning_complete.add_listener(begin)
    environment.events.quitting.add_listener(end)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
