"""Bad days of containers: replicas that die, models that are broken, disks that are full."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import ESPRESSO, REPO, encode
from tests.stack.docker import compose, docker, inspect_container, needs_docker
from tests.stack.load import Load
from tests.stack.running import Stack
from tests.support.server import wait_until

pytestmark = needs_docker
BUNDLED = REPO / "inference_app" / "bundled"


@pytest.fixture
def replicas(stack: Stack) -> Iterator[Callable[[], list[str]]]:
    """Run three replicas; return what tells the identifiers of their containers."""
    scale(stack, 3)
    yield lambda: compose(stack, "ps", "--quiet", "inference_app").split()
    scale(stack, 1)


def scale(stack: Stack, count: int) -> None:
    """Run so many replicas; those that run already go on."""
    options = ["--no-recreate", "--wait", "--scale", f"inference_app={count}"]
    compose(stack, "up", "--detach", *options)


def test_a_replica_that_is_killed_costs_no_request(
    stack: Stack, replicas: Callable[[], list[str]]
) -> None:
    with Load(stack.url) as load:
        load.wait_for(100)
        docker("kill", replicas()[0])
        load.wait_for(400)
    print(f"a replica of three killed under load: {dict(load.outcomes)}")
    assert load.failures == {}
    assert load.outcomes["refused"] == 0


def test_replicas_replaced_one_by_one_cost_no_request(
    stack: Stack, replicas: Callable[[], list[str]]
) -> None:
    with Load(stack.url) as load:
        load.wait_for(50)
        for replica in replicas():
            docker("stop", replica)
            docker("rm", replica)
            scale(stack, 3)
            load.wait_for(100)
    print(f"three replicas replaced under load: {dict(load.outcomes)}")
    assert load.failures == {}
    assert load.outcomes["refused"] == 0


def missing(model: Path) -> None:
    (model / "manifest.json").unlink()


def truncated(model: Path) -> None:
    weights = model / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-100])


def altered(model: Path) -> None:
    weights = model / "model.bin"
    weights.write_bytes(bytes(100) + weights.read_bytes()[100:])


@pytest.mark.parametrize("damage", [missing, truncated, altered])
def test_a_broken_model_is_never_served(
    stack: Stack, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    model = tmp_path / "model"
    shutil.copytree(BUNDLED, model)
    damage(model)
    options = ["--restart", "unless-stopped", "--volume", f"{model}:/model:ro"]
    name = docker("run", "-d", *options, "--env", "MODEL_PATH=/model", "inference_app:test")
    try:
        wait_until(lambda: inspect_container(name)["RestartCount"] >= 7, "it tries again")
        facts, lines = inspect_container(name), docker("logs", name, merge=True).splitlines()
    finally:
        docker("rm", "--force", name)
    assert facts["State"].get("Health", {}).get("Status") != "healthy"
    assert len(set(lines)) == 1
    assert lines[0].startswith("error: /model")
    # Docker waits twice as long before each restart.
    seconds = (moment(facts["State"]["StartedAt"]) - moment(facts["Created"])).total_seconds()
    assert facts["RestartCount"] < seconds


def moment(text: str) -> datetime:
    """Read a time as Docker writes it, but for its nanoseconds."""
    return datetime.fromisoformat(text[:23] + "+00:00")


@pytest.fixture
def large() -> bytes:
    """Return a picture of 3 MB, which NGINX keeps in a file until it has the whole of it."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), compress_level=1)


def post(stack: Stack, picture: bytes) -> requests.Response:
    """Post a picture to /predict."""
    return requests.post(f"{stack.url}/predict", picture, timeout=60)


def fill(stack: Stack, service: str, folder: str) -> None:
    """Write a file until the folder is full."""
    command = f"dd if=/dev/zero of={folder}/fill bs=1M 2>/dev/null || test -s {folder}/fill"
    compose(stack, "exec", "-T", service, "sh", "-c", command)


def test_a_full_disk_of_nginx_is_a_503_with_retry_after(stack: Stack, large: bytes) -> None:
    assert post(stack, large).status_code == 200
    fill(stack, "nginx", "/tmp")  # noqa: S108
    try:
        refused = post(stack, large)
        small = post(stack, ESPRESSO.read_bytes())
    finally:
        compose(stack, "exec", "-T", "nginx", "rm", "/tmp/fill")  # noqa: S108
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "unavailable"
    assert refused.headers["Retry-After"] == "1"
    assert small.status_code == 200
    assert post(stack, large).status_code == 200


def test_stalled_uploads_of_one_address_leave_room_for_others(stack: Stack, large: bytes) -> None:
    """As one client did: 16 of 32 MB and 9 of 1.1 MB, 50 bytes before their end."""
    port = int(stack.url.rsplit(":", 1)[1])
    with ExitStack() as stalled:
        for size in [32 << 20] * 16 + [1_100_000] * 9:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            stalled.enter_context(connection)
            head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
            connection.sendall(head + bytes(size - 50))
        assert [post(stack, large).status_code for _ in range(20)] == [200] * 20


def test_a_full_disk_of_the_app_does_not_matter(stack: Stack, large: bytes) -> None:
    fill(stack, "inference_app", "/tmp")  # noqa: S108
    try:
        assert [post(stack, large).status_code for _ in range(5)] == [200] * 5
    finally:
        compose(stack, "exec", "-T", "inference_app", "rm", "/tmp/fill")  # noqa: S108
