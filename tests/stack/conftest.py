"""Running stacks: a copy of the working tree, started as a user starts it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.conftest import REPO
from tests.server import free_port, wait_until


@dataclass(frozen=True)
class Stack:
    """A running stack: where it listens, the checkout it runs from, what it printed."""

    url: str
    checkout: Path
    output: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without settings of the service, plus `settings`."""
    own = (REPO / ".env.example").read_text().splitlines()
    names = {line.split("=")[0] for line in own if "=" in line and not line.startswith("#")}
    names |= {"MODEL_PATH", "PORT", "HOST", "VIRTUAL_ENV", "VENV"}
    return {name: value for name, value in os.environ.items() if name not in names} | settings


def answers(url: str) -> bool:
    """Return whether a server at `url` says that it is ready."""
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="session")
def make_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Copy what git would give a user, as it is in the working tree, into a new folder."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("checkout")
        folder.chmod(0o755)
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listing, cwd=REPO, check=True, capture_output=True).stdout
        for name in names.decode().split("\0"):
            if name and (REPO / name).exists():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPO / name, target)
        return folder

    return make


@pytest.fixture(scope="session")
def start_local(make_checkout: Callable[[], Path]) -> Iterator[Callable[..., Stack]]:
    """Start ./run_local.sh in a new checkout, and wait for the first prediction it prints."""
    started = []

    def start(checkout: Path | None = None, **settings: str) -> Stack:
        checkout = checkout or make_checkout()
        ports = {"HTTP_PORT": str(free_port()), "PORT": str(free_port())}
        environment = clean_environment(**(ports | settings))
        output = checkout / "run_local.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                ["./run_local.sh"],
                cwd=checkout,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        wait_until(
            lambda: b"stop it: Ctrl-C" in output.read_bytes() or process.poll() is not None,
            output.read_text,
            within=600,
        )
        url = f"http://127.0.0.1:{environment['HTTP_PORT']}"
        return Stack(url, checkout, output, environment, process)

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="session")
def local(start_local: Callable[..., Stack]) -> Stack:
    """Return the stack that ./run_local.sh starts with its defaults."""
    return start_local()


@pytest.fixture
def resnet_source(tmp_path: Path) -> Path:
    """Return a small random ResNet in Hugging Face format."""
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

    folder = tmp_path / "my-resnet"
    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1], num_labels=3)
    ResNetForImageClassification(config).save_pretrained(folder)
    processor = ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875)
    processor.save_pretrained(folder)
    return folder
