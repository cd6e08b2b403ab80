"""Every command in docs/, run as it stands there but for ports, folders and collectors.

Of Compose's lines the files and variables are checked; what they do is tested in test_docker.py.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ESPRESSO
from tests.stack.running import Stack, clean_environment
from tests.stack.test_readme import folder, run
from tests.support.collector import collecting
from tests.support.readme import blocks, commands
from tests.support.server import free_port, wait_until

__all__ = ["folder"]

OPERATING, INTEGRATING = commands("docs/operating.md"), commands("docs/integrating.md")
COMPOSE = [
    line
    for heading, lines in OPERATING.items()
    for line in lines
    if "docker compose" in line and heading != "Docker"  # which test_readme.py runs
]

Serve = Callable[..., Stack]


@pytest.fixture
def serve(start_local: Serve, local: Stack, folder: Path) -> Iterator[Serve]:
    """Return what runs a line with ./run_local.sh until the test ends."""
    started = []

    def start(line: str, **settings: str) -> Stack:
        words = line.replace("$PWD", str(folder)).split()
        assert words.pop() == "./run_local.sh"
        given = dict(word.split("=", 1) for word in words)
        started.append(start_local(folder, **(given | settings)))
        return started[-1]

    yield start
    for stack in started:
        assert stack.process
        stack.process.terminate()
        stack.process.wait(60)


def there(text: str, stack: Stack) -> str:
    """Return a document's text with the stack's own address."""
    return text.replace("http://localhost:8080", stack.url)


@pytest.mark.parametrize("line", INTEGRATING["With curl"])
def test_every_contract_by_curl(local: Stack, folder: Path, line: str) -> None:
    assert "espresso" in run(there(line, local), folder, local.environment)


def test_post_request(local: Stack, folder: Path) -> None:
    lines = [there(line, local) for line in INTEGRATING["With post_request.py"]]
    _, one, many = [run(line, folder, local.environment) for line in lines]
    assert one.startswith("Checking results for photo.jpg\n")
    assert "6 ok, 0 failed" in many


@pytest.mark.parametrize("program", blocks("docs/integrating.md", "python")["With Python"])
def test_the_programs(local: Stack, folder: Path, program: str) -> None:
    words = [sys.executable, "-W", "error", "-c", there(program, local)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "espresso" in done.stdout


def test_a_program_says_what_was_refused(local: Stack, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("text")
    program = blocks("docs/integrating.md", "python")["With Python"][1]
    words = [sys.executable, "-c", there(program, local)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("unsupported_picture: This is not a picture")


@pytest.mark.parametrize("line", INTEGRATING["A folder of pictures"])
def test_a_folder(local: Stack, folder: Path, line: str) -> None:
    printed = run(there(line, local), folder, local.environment).splitlines()
    assert len(printed) == len(list((folder / "post_request/images").glob("*.jpg")))
    assert sum("espresso" in each for each in printed) == 1


def test_the_load_test(local: Stack, folder: Path) -> None:
    page = commands("docs/load-testing.md")
    set_up, steps, processes = [
        re.sub(r"-t \d+s", "-t 6s", there(line, local)) for lines in page.values() for line in lines
    ]
    run(set_up, folder, local.environment)
    rows = [line.split() for line in run(steps, folder, local.environment).splitlines()]
    assert [row[0] for row in rows if row] == ["users", "1", "2", "4", "8", "16", "32"]
    assert "/predict" in (folder / "report.html").read_text("utf-8")
    assert re.search(r"^ +32 +\d", run(processes, folder, local.environment), re.MULTILINE)


@pytest.mark.parametrize("line", set(OPERATING["Before you start"]) - set(COMPOSE))
def test_doctor(local: Stack, folder: Path, line: str) -> None:
    environment = clean_environment(PORT=local.environment["PORT"])
    said = run(line, folder, environment)
    assert "is this server's, which serves" in said


def test_https(serve: Serve, folder: Path) -> None:
    enter, make, start, ask, *_ = OPERATING["HTTPS"]
    run(f"{enter}; {make}", folder, clean_environment())
    port = str(free_port())
    stack = serve(start, HTTPS_PORT=port)
    assert '"espresso' in run(ask.replace("8443", port), folder, stack.environment)


def test_api_keys(serve: Serve, folder: Path) -> None:
    make, start, ask = OPERATING["API keys"]
    run(make, folder, clean_environment())
    stack = serve(start)
    assert "espresso" in run(there(ask, stack), folder, stack.environment)
    assert (
        requests.post(f"{stack.url}/predict", ESPRESSO.read_bytes(), timeout=30).status_code == 401
    )


def test_traces(serve: Serve, folder: Path) -> None:
    install, start, *_ = OPERATING["Traces"]
    run(install, folder, clean_environment())
    with collecting() as collector:
        start = start.replace("http://localhost:4318", collector.url)
        serve(start, OTEL_BSP_SCHEDULE_DELAY="100")  # its first prediction is traced
        wait_until(lambda: len(collector.spans) >= 6, "the spans arrive")


@pytest.mark.parametrize("line", COMPOSE)
def test_what_compose_is_told_is_there(folder: Path, line: str) -> None:
    told = re.match(r"(\w+=\S+ )*docker compose( -f \S+)*", line)
    assert told
    said = run(f"{told[0]} config", folder, clean_environment())
    assert "inference_app:" in said
    if tag := re.search(r"IMAGE_TAG=(\S+)", line):
        assert f"image: inference_nginx:{tag[1]}" in said
