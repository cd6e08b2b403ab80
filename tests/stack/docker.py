"""Docker and Compose, as the tests of the stack use them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stack.running import Stack, clean_environment

needs_docker = pytest.mark.skipif(
    subprocess.run(["docker", "info"], capture_output=True).returncode != 0,
    reason="no Docker Engine answers on this machine",
)

PROJECT = "inference-test"


def docker(
    *arguments: str, environment: dict[str, str] | None = None, merge: bool = False, **options: Any
) -> str:
    """Run a docker command; return what it printed, fail with what it complained of.

    With `merge`, what it printed to stderr is returned too.
    """
    run = subprocess.run(
        ["docker", *arguments], env=environment, capture_output=True, text=True, **options
    )
    assert run.returncode == 0, run.stderr
    return f"{run.stdout}{run.stderr if merge else ''}".strip()


def compose(stack: Stack, *arguments: str) -> str:
    """Run a docker compose command on a stack."""
    return docker("compose", *arguments, environment=stack.environment, cwd=stack.checkout)


def inspect(stack: Stack, service: str) -> dict[str, Any]:
    """Return what Docker knows of a service's first container."""
    identifier = compose(stack, "ps", "--quiet", service).splitlines()[0]
    return inspect_container(identifier)


def inspect_container(identifier: str) -> dict[str, Any]:
    """Return what Docker knows of a container."""
    facts: dict[str, Any] = json.loads(docker("inspect", identifier))[0]
    return facts


def run_docker(checkout: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ./run_docker.sh as a project of its own, beside any other on this machine."""
    environment = clean_environment(COMPOSE_PROJECT_NAME=PROJECT, IMAGE_TAG="test", **settings)
    return subprocess.run(
        ["./run_docker.sh"], cwd=checkout, env=environment, capture_output=True, text=True
    )
