"""`swap`, run as a person runs it, beside a server with one worker."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from inference_app.pool.run_folder import RunFolder
from tests.conftest import SAMPLES
from tests.support.models import relabelled, sealed
from tests.support.server import Server, environment, free_port, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), WORKERS="1") as server:
        yield server
        assert served(server) == prepared.read(BUNDLED_MODEL).digest
        assert not server.log(message="the new model is dropped")  # none got as far as a worker


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return relabelled(tmp_path / "other")


def swap(port: int, *arguments: str | Path) -> tuple[int, str]:
    """Return the exit status, and the last line of what is said."""
    command = [sys.executable, "-m", "inference_app", "swap", *arguments]
    done = subprocess.run(
        command, env=environment(PORT=str(port)), capture_output=True, text=True, check=False
    )
    assert not done.stdout
    return done.returncode, done.stderr.splitlines()[-1]


def served(server: Server) -> str:
    """Return the hash of the model that is served."""
    digest: str = requests.get(f"{server.url}/readyz", timeout=30).json()["model_hash"]
    return digest


def test_a_model_is_replaced_and_put_back(server: Server, other: Path) -> None:
    digest = prepared.read(other).digest
    status, said = swap(server.port, other)
    assert (status, served(server)) == (0, digest)
    assert said == f"other {digest} is served, instead of {BUNDLED_MODEL}"
    copied = shutil.copytree(other, other.with_name("copy"))
    assert swap(server.port, copied, "--check", SAMPLES, "--agreement", "1")[0] == 0
    sealed(copied, name="changed")
    status, said = swap(server.port, other, "--agreement", "1")
    assert status == 1
    assert said.startswith(f"error: {copied} is not the model that is served any more")
    assert swap(server.port, BUNDLED_MODEL)[0] == 0


def test_a_model_that_disagrees_is_not_served(server: Server, other: Path) -> None:
    status, said = swap(server.port, other, "--agreement", "0.95")
    why = "error: the two models give the same class for 0 of 6 pictures, fewer than"
    assert (status, said) == (1, f"{why} --agreement 0.95")


def test_a_damaged_model_is_not_served(server: Server, other: Path) -> None:
    (other / "model.bin").write_bytes(b"")
    status, said = swap(server.port, other)
    assert status == 1
    assert said.startswith(f"error: {other}/model.bin is not the file that was prepared")


def test_a_model_without_finite_scores_is_not_served(server: Server, other: Path) -> None:
    weights = (other / "model.bin").read_bytes()
    (other / "model.bin").write_bytes(weights[:-400] + b"\xff" * 400)  # NaN, in the last layer
    status, said = swap(server.port, sealed(other))
    assert status == 1
    assert said.startswith(f"error: {other} computes no finite scores for ")


@pytest.mark.parametrize("content", [None, b"text"])
def test_a_check_without_pictures_is_refused(
    server: Server, other: Path, tmp_path: Path, content: bytes | None
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    if content:
        (pictures / "photo.jpg").write_bytes(content)
    status, said = swap(server.port, other, "--check", pictures)
    assert status == 1
    assert said.startswith(f"error: {pictures}")
    assert " cannot be classified: " in said


def test_one_command_swaps_at_a_time(server: Server, other: Path) -> None:
    with RunFolder.find(server.port).reserved():
        status, said = swap(server.port, other)
    assert (status, said) == (1, "error: another swap is under way: wait for its end")


def test_a_port_without_a_server_is_named(other: Path) -> None:
    port = free_port()
    status, said = swap(port, other)
    assert status == 1
    assert said.startswith(f"error: no server of this user runs on port {port}: ")
