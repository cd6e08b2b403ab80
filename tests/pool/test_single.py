"""Serving without Gunicorn, from one process: what run_local.bat starts on Windows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ESPRESSO, REPO
from tests.support.contracts import CONTRACTS, Contract
from tests.support.server import environment, free_port, wait_until

# What Python has on Linux and not on Windows.
MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
FUNCTIONS = ("fork", "sched_getaffinity", "sched_setaffinity", "getuid", "kill")
WITHOUT = f"""
import os, runpy, sys
for name in {MODULES}: sys.modules[name] = None
for name in {FUNCTIONS}: delattr(os, name)
runpy.run_module("inference_app", run_name="__main__")
"""


def command() -> list[str]:
    """Return the arguments of the last line of run_local.bat."""
    *_, last = (REPO / "run_local.bat").read_text("utf-8").splitlines()
    python, module, name, *arguments = last.split()
    assert (python, module, name) == (r".venv\Scripts\python", "-m", "inference_app")
    return arguments


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve as run_local.bat does, by a Python that lacks what Windows lacks."""
    port, log = free_port(), tmp_path_factory.mktemp("single") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT, *command()],
            env=environment(PORT=str(port), MAX_UPLOAD_MB="1"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "worker ready" in log.read_text() or process.poll(), log.read_text)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_client_is_answered(url: str, contract: Contract) -> None:
    response = contract.call(url)
    assert response.status_code == 200
    assert contract.check(response), response.text


def test_it_is_ready_and_has_metrics(url: str) -> None:
    assert requests.get(f"{url}/readyz", timeout=30).json()["status"] == "ready"
    assert "inference_app_workers 1.0" in requests.get(f"{url}/metrics", timeout=30).text


def test_a_body_that_is_too_large_is_refused(url: str) -> None:
    data = ESPRESSO.read_bytes() + bytes(1 << 20)
    assert requests.post(f"{url}/predict", data, timeout=30).status_code == 413


def test_the_batch_file_names_files_that_exist() -> None:
    text = (REPO / "run_local.bat").read_text("utf-8")
    assert r"-r requirements\serve.txt" in text
    assert Path(REPO / "requirements/serve.txt").exists()


@pytest.mark.parametrize(
    "arguments", [["predict", ESPRESSO], ["doctor"]], ids=["predict", "doctor"]
)
def test_other_commands_run_there(arguments: list[str | Path]) -> None:
    words = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    done = subprocess.run(words, env=environment(PORT=str(free_port())), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_bad_setting_is_one_clear_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *command()],
        env=environment(PORT="many"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: PORT must be a whole number")
