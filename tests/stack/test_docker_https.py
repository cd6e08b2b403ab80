"""HTTPS in Docker, by the commands of docs/operating.md."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ESPRESSO
from tests.stack.docker import PROJECT, needs_docker
from tests.stack.running import Stack, clean_environment
from tests.support.readme import commands
from tests.support.server import free_port

pytestmark = needs_docker

ENTER, MAKE, _, ASK, CHMOD, START, COMPOSE = commands("docs/operating.md")["HTTPS"]


@pytest.fixture
def run(
    stack: Stack, make_checkout: Callable[[], Path]
) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Return what runs a line in a checkout with a certificate, beside the other stack's images."""
    checkout = make_checkout()
    (checkout / "photo.jpg").write_bytes(ESPRESSO.read_bytes())
    ports = {"HTTP_PORT": str(free_port()), "HTTPS_PORT": str(free_port())}
    project = {"COMPOSE_PROJECT_NAME": f"{PROJECT}-https", "IMAGE_TAG": "test"}
    environment = clean_environment(**ports, **project, MODEL_ID="bundled")

    def run(line: str) -> subprocess.CompletedProcess[str]:
        line = line.replace("localhost:8443", f"localhost:{ports['HTTPS_PORT']}")
        return subprocess.run(
            ["bash", "-c", line], cwd=checkout, env=environment, capture_output=True, text=True
        )

    assert run(f"{ENTER}; {MAKE}").returncode == 0
    yield run
    run("docker compose down --volumes")


def test_it_is_served_as_documented(
    run: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    assert run(CHMOD).returncode == 0
    for line in (START, COMPOSE):
        done = run(line)
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"espresso' in run(ASK).stdout


def test_a_key_that_nginx_cannot_read_fails_and_says_so(
    run: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    for line in (COMPOSE, START):
        done = run(line)
        assert done.returncode == 1
    assert "NGINX runs as uid 101, which cannot read /run/secrets/tls_key" in done.stderr
