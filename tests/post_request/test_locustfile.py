"""The load test, run as its user runs it against a small real server."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ESPRESSO, encode
from tests.post_request.command import FOLDER, environment
from tests.support.server import Server, free_port, serving

KEY = "a-key-of-the-tests"
LOCUST = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py")]
# What each contract's requests must be, as the server's log has them.
PATHS = {
    "predict-image": "/predict",
    "predict-file": "/predict",
    "root-image": "/",
    "upload-file": "/upload",
    "raw": "/predict",
    "json": "/predict",
}


@dataclass
class Run:
    """What a load test printed: a line for each step, and Locust's own summary."""

    status: int
    out: str
    err: str

    @property
    def steps(self) -> list[list[float]]:
        """Users, ok/s, failed, and the percentiles in ms of each step."""
        rows = re.findall(r"^ +\d+ +[\d.]+ +\d+ +\d+ +\d+ +\d+$", self.out, re.MULTILINE)
        return [[float(cell) for cell in row.split()] for row in rows]

    @property
    def requests(self) -> tuple[int, int]:
        """The requests and failures that Locust counted in all."""
        (row,) = set(re.findall(r"Aggregated +(\d+) +(\d+)\(", self.err))
        return int(row[0]), int(row[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "keys.txt").write_text(f"{KEY}\n")
    with serving(folder, WORKERS="1", API_KEYS_FILE=folder / "keys.txt") as server:
        yield server


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder with a small and a large picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(ESPRESSO, folder)
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    (folder / "noise.png").write_bytes(encode(Image.fromarray(noise)))
    return folder


def load(url: str, *options: str, key: str = KEY) -> Run:
    done = subprocess.run(
        [*LOCUST, "--headless", "--host", url, *options],
        env=environment(PREDICT_API_KEY=key),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def test_figures_by_step_and_a_report(server: Server, pictures: Path, tmp_path: Path) -> None:
    before = len(server.log(path="/predict", status=200))
    report = tmp_path / "report.html"
    options = ["--users", "4", "--steps", "2", "--run-time", "4s", "--html", str(report)]
    run = load(server.url, *options, "--pictures", str(pictures))
    assert run.status == 0, run.err
    for users, (at, rate, failed, p50, p95, p99) in zip((2, 4), run.steps, strict=True):
        assert (at, failed) == (users, 0)
        assert rate > 0
        assert 0 < p50 <= p95 <= p99
    requests, failed = run.requests
    served = len(server.log(path="/predict", status=200)) - before
    assert failed == 0
    assert 0.6 < sum(2 * rate for _, rate, *_ in run.steps) / requests < 1.6  # 2 s a step
    assert requests <= served <= requests + 4  # those that the end cut off
    assert "/predict up to 100 KB" in run.err
    assert "/predict up to 1000 KB" in run.err
    assert f'"num_requests": {requests}' in report.read_text("utf-8")


@pytest.mark.parametrize("contract", PATHS)
def test_contracts(server: Server, contract: str) -> None:
    before = len(server.log(path=PATHS[contract], status=200))
    run = load(server.url, "--run-time", "1s", "--contract", contract)
    assert run.status == 0, run.err
    assert run.requests[0] > 0
    assert len(server.log(path=PATHS[contract], status=200)) - before >= run.requests[0]


def test_refusals_are_counted_by_kind_and_not_as_speed(server: Server) -> None:
    run = load(server.url, "--users", "2", "--steps", "2", "--run-time", "4s", key="")
    requests, failed = run.requests
    assert run.status == 1
    assert requests == failed > 0
    assert sum(step[2] for step in run.steps) == failed
    assert [[users, rate, *times] for users, rate, _, *times in run.steps] == [
        [1, 0, 0, 0, 0],
        [2, 0, 0, 0, 0],
    ]
    assert "401 unauthorized" in run.err


def test_no_server_is_a_failure() -> None:
    run = load(f"http://127.0.0.1:{free_port()}", "--run-time", "2s")
    requests, failed = run.requests
    assert run.status == 1
    assert 1 <= requests == failed <= 3  # a second apart
    assert "Connection refused" in run.err


def test_it_is_quiet_by_default(server: Server) -> None:
    options = ["--users", "2", "--steps", "2", "--run-time", "4s"]
    quiet, loud = load(server.url, *options), load(server.url, *options, "--print-stats")
    assert len(quiet.out.splitlines()) == 4  # a head, two steps, an empty line
    assert quiet.err.count("Aggregated") == 2  # of requests, and of their times
    assert quiet.err.startswith("Type ")
    assert loud.err.count("Aggregated") > 2


def test_with_two_processes(server: Server) -> None:
    port = str(free_port())
    ports = ["--master-bind-port", port, "--master-port", port]
    options = ["--users", "4", "--run-time", "2s", "--processes", "2", "--loglevel", "INFO"]
    run = load(server.url, *options, *ports)
    assert run.status == 0, run.err
    assert "2 workers connected" in run.err
    ((users, rate, failed, *_),) = run.steps
    assert (users, failed) == (4, 0)
    assert rate > 0


def test_with_a_master_and_two_workers(server: Server, pictures: Path) -> None:
    port = str(free_port())
    command = [*LOCUST, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    workers = [
        subprocess.Popen(command, env=environment(PREDICT_API_KEY=KEY), stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        master = ["--master", "--expect-workers", "2", "--master-bind-port", port]
        what = ["--pictures", str(pictures / "noise.png"), "--contract", "upload-file"]
        run = load(server.url, *master, *what, "--users", "2", "--run-time", "2s")
        assert [worker.wait(30) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert run.status == 0, run.err
    assert run.requests[0] > 0
    assert "/upload up to 1000 KB" in run.err
    assert "up to 100 KB" not in run.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pictures", "/gone/*.jpg"], "argument --pictures: no file matches /gone/*.jpg"),
        (["--pictures", "/gone.jpg"], "argument --pictures: there is no file /gone.jpg"),
        (["--pictures", str(FOLDER.parent / "tests")], "argument --pictures: no picture in the"),
        (["--steps", "0"], "argument --steps: invalid positive value: '0'"),
        (["--contract", "other"], "argument --contract: invalid choice: 'other'"),
    ],
)
def test_a_wrong_command_line_is_refused(options: list[str], message: str) -> None:
    run = load("http://127.0.0.1", *options)
    assert run.status == 2
    assert message in run.err
