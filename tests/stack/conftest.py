"""Running stacks: a copy of the working tree, started as a user starts it."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.conftest import REPO
from tests.stack.docker import PROJECT, compose, docker, run_docker
from tests.stack.fronted import Fronted, fronted
from tests.stack.running import Stack, clean_environment
from tests.support.server import free_port, wait_until


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
    started: list[subprocess.Popen[bytes]] = []

    def start(checkout: Path | None = None, **settings: str) -> Stack:
        checkout = checkout or make_checkout()
        ports = {"HTTP_PORT": str(free_port()), "PORT": str(free_port())}
        environment = clean_environment(**(ports | settings))
        output = checkout / f"run_local-{len(started)}.log"  # each its own: all may still write
        with output.open("wb") as log:
            process = subprocess.Popen(
                # Background jobs ignore SIGINT, and so would all that they start.
                ["env", "--default-signal=INT", "./run_local.sh"],
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
def make_fronted(tmp_path: Path) -> Iterator[Callable[..., Fronted]]:
    """Return what starts an app that can be made to fail, with NGINX in front of it."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(fronted(tmp_path, **settings))


@pytest.fixture(scope="session")
def stack(make_checkout: Callable[[], Path]) -> Iterator[Stack]:
    """Start ./run_docker.sh with the bundled model."""
    checkout, port = make_checkout(), str(free_port())
    run = run_docker(checkout, MODEL_ID="bundled", HTTP_PORT=port)
    output = checkout / "run_docker.log"
    output.write_text(run.stdout + run.stderr)
    environment = clean_environment(
        COMPOSE_PROJECT_NAME=PROJECT, IMAGE_TAG="test", MODEL_ID="bundled", HTTP_PORT=port
    )
    stack = Stack(f"http://127.0.0.1:{port}", checkout, output, environment)
    assert run.returncode == 0, output.read_text()
    yield stack
    compose(stack, "down", "--volumes")


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """Run a registry; return its address."""
    port = free_port()
    container = docker("run", "--detach", "-p", f"127.0.0.1:{port}:5000", "registry:2")
    try:
        url = f"http://127.0.0.1:{port}/v2/"
        wait_until(lambda: _ok(url), lambda: docker("logs", container), within=60)
        yield f"127.0.0.1:{port}"
    finally:
        docker("rm", "--force", "--volumes", container)


def _ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


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
