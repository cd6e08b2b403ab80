"""Requests made up from the OpenAPI description, over a thousand, are answered as it says."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.stack.fronted import fronted
from tests.support.server import Server, serving

CONFIG = REPO / "tests" / "stack" / "schemathesis.toml"
EXAMPLES = 200  # for each operation: some ten seconds of made-up requests
KEY = tomllib.loads(CONFIG.read_text())["auth"]["openapi"]["key"]["api_key"]


def run(folder: Path, url: str, *options: str) -> str:
    """Run Schemathesis against a server; return its report, which must name no failure.

    It checks that no answer is a fault of ours; that statuses, types, schemas and headers are as
    described; that what the schemas forbid, wrong keys and other methods are refused.
    """
    shutil.copy(CONFIG, folder)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    phases = ["--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES)]
    same_every_time = ["--generation-deterministic", "--no-color"]
    run = subprocess.run(
        [*command, *phases, *same_every_time, *options], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def check_log(server: Server) -> None:
    """Fail if a worker died, or a fault of ours is in the log."""
    assert len(server.workers()) == 2
    assert server.log(level="error") == []
    assert len(server.log(message="request")) > 8 * EXAMPLES // 2


def test_the_app_answers_as_described(tmp_path: Path) -> None:
    with serving(tmp_path, LOG_LEVEL="debug", PROTOCOLS="none") as server:
        assert "8 selected / 8 total" in run(tmp_path, server.url)
        check_log(server)


def test_the_stack_with_api_keys_answers_as_described(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(KEY)
    keys = str(tmp_path / "keys.txt")
    settings = {"API_KEYS_FILE": keys, "LOG_LEVEL": "debug", "PROTOCOLS": "none"}
    with fronted(tmp_path, "inference_app", **settings) as stack:
        run(tmp_path, stack.url)
        check_log(stack.app)


def test_an_answer_that_is_not_described_is_a_failure(tmp_path: Path) -> None:
    with serving(tmp_path) as server, pytest.raises(AssertionError, match="Undocumented"):
        run(tmp_path, server.url, "--url", f"{server.url}/nothing")
