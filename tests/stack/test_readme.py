"""Every command in the README, run as it stands there but for ports and the Hub's models."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ESPRESSO
from tests.stack.docker import needs_docker
from tests.stack.running import Stack, clean_environment
from tests.support.readme import commands
from tests.support.server import free_port


def run(line: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a line in a shell; return what it printed, fail as it fails."""
    shell = ["bash", "-euo", "pipefail", "-c", line]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def folder(local: Stack) -> Path:
    """Return a checkout with a picture of the user's own in it."""
    (local.checkout / "photo.jpg").write_bytes(ESPRESSO.read_bytes())
    return local.checkout


@pytest.mark.parametrize(
    "line", commands()["Send a picture"] + commands()["Clients of other servers"]
)
def test_sending_a_picture(local: Stack, folder: Path, line: str) -> None:
    answer = run(line.replace("http://localhost:8080", local.url), folder, local.environment)
    assert "espresso" in answer


def test_models(
    start_local: Callable[..., Stack], make_checkout: Callable[[], Path], resnet_source: Path
) -> None:
    checkout = make_checkout()
    (checkout / "photo.jpg").write_bytes(ESPRESSO.read_bytes())
    (serve, *by_hand) = commands("docs/models.md")["Preparing a model"]
    assert [serve] == commands()["Models"] == ["MODEL_ID=microsoft/resnet-50 ./run_local.sh"]
    start_local(checkout, MODEL_ID=str(resnet_source))
    printed = [
        run(line.replace("microsoft/resnet-50", str(resnet_source)), checkout, clean_environment())
        for line in by_hand
    ]
    assert printed[-1].startswith("{'statusCode': 200, 'body': '\"LABEL_")


@needs_docker
@pytest.mark.parametrize("document", ["README.md", "docs/operating.md"])
def test_docker(make_checkout: Callable[[], Path], registry: str, document: str) -> None:
    checkout, port, lone = make_checkout(), free_port(), free_port()
    (checkout / "photo.jpg").write_bytes(ESPRESSO.read_bytes())
    # The port as the reader's own .env would have it, and a project beside any other.
    (checkout / ".env").write_text(f"HTTP_PORT={port}\nMODEL_ID=bundled\n")
    environment = clean_environment(COMPOSE_PROJECT_NAME="inference-readme")
    try:
        for line in commands(document)["Docker"]:
            here = (
                line.replace("http://localhost/", f"http://localhost:{port}/")
                .replace("5000", str(lone))
                .replace("classifier", "inference-readme-classifier")
                .replace("you/", f"{registry}/")
            )
            run(here, checkout, environment)
    finally:
        for cleanup in (["compose", "down"], ["rm", "--force", "inference-readme-classifier"]):
            subprocess.run(["docker", *cleanup], cwd=checkout, env=environment)
