"""A real Swarm of two nodes: it is deployed and changed, and loses a node, while clients ask."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ESPRESSO, REPO
from tests.server import wait_until
from tests.stack.docker import docker, needs_docker
from tests.stack.load import Load
from tests.stack.running import Stack
from tests.stack.swarm import Swarm

pytestmark = needs_docker

APP = "inference_inference_app"
SETTINGS = {"HTTP_PORT": "8080", "IMAGE_TAG": "test", "WORKERS": "1"}
BUNDLED = REPO / "inference_app" / "bundled"


@pytest.fixture(scope="module")
def images(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Return images of the stack, of one with another model, and of one whose model is broken."""
    folder = tmp_path_factory.mktemp("models")
    models = {name: shutil.copytree(BUNDLED, folder / name / "model") for name in ("new", "broken")}
    manifest = models["new"] / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"name": "new"}))
    (models["broken"] / "model.bin").write_bytes(bytes(100))
    for name in models:
        (folder / name / "Dockerfile").write_text("FROM inference_app:test\nCOPY model /model\n")
        docker("build", "--tag", f"inference_app:{name}", str(folder / name))
    yield [f"inference_app:{tag}" for tag in ("test", *models)] + ["inference_nginx:test"]
    docker("rmi", *(f"inference_app:{name}" for name in models))


@pytest.fixture(scope="module")
def swarm(
    stack: Stack, images: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Swarm]:
    """Deploy the stack to a Swarm, as its documents say."""
    with Swarm(tmp_path_factory.mktemp("swarm")) as swarm:
        swarm.load(*images)
        deployed = swarm.deploy(stack.checkout, **SETTINGS)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield swarm


@pytest.fixture
def url(swarm: Swarm) -> str:
    """Return the address of NGINX on the node that stays."""
    return f"http://{swarm.manager.address}:8080"


def model(url: str) -> str:
    """Return the name of the model that answers."""
    return requests.post(f"{url}/predict", ESPRESSO.read_bytes(), timeout=30).headers["X-Model"]


def wait_for(swarm: Swarm, *counts: int) -> None:
    """Wait until so many replicas run on the manager and on the worker."""
    wanted = [count for count in counts]

    def reached() -> bool:
        running = swarm.running(APP)
        return [running[node.name] for node in swarm.nodes] == wanted

    wait_until(reached, lambda: swarm.manager.docker("service", "ps", "--no-trunc", APP), within=90)


def test_it_runs_on_both_nodes_and_each_one_answers(swarm: Swarm) -> None:
    assert swarm.running(APP) == {node.name: 1 for node in swarm.nodes}
    for node in swarm.nodes:
        assert model(f"http://{node.address}:8080") == "resnet-tiny-imagenet"


def test_scaling_costs_no_request(swarm: Swarm, url: str) -> None:
    with Load(url) as load:
        load.wait_for(50)
        for each in (2, 1):
            swarm.manager.docker("service", "scale", f"{APP}={2 * each}")
            wait_for(swarm, each, each)
            load.wait_for(300)
    print(f"scaled 2 -> 4 -> 2 under load: {dict(load.outcomes)}")
    assert (load.failures, load.outcomes["refused"]) == ({}, 0)


def test_a_new_model_costs_no_request(swarm: Swarm, stack: Stack, url: str) -> None:
    with Load(url) as load:
        load.wait_for(50)
        deployed = swarm.deploy(stack.checkout, **SETTINGS, APP_TAG="new")
        load.wait_for(50)
    print(f"updated to another model under load: {dict(load.outcomes)}")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert (load.failures, load.outcomes["refused"]) == ({}, 0)
    assert {model(url) for _ in range(10)} == {"new"}


def test_a_broken_model_rolls_back_by_itself_and_costs_no_request(
    swarm: Swarm, stack: Stack, url: str
) -> None:
    before = model(url)
    with Load(url) as load:
        load.wait_for(50)
        deployed = swarm.deploy(stack.checkout, **SETTINGS, APP_TAG="broken")
        load.wait_for(50)
    print(f"updated to a broken model under load: {dict(load.outcomes)}")
    assert deployed.returncode == 1
    assert f"error: {APP} was rolled back" in deployed.stderr
    assert (load.failures, load.outcomes["refused"]) == ({}, 0)
    assert {model(url) for _ in range(10)} == {before}
    wait_for(swarm, 1, 1)


def test_draining_a_node_costs_no_request(swarm: Swarm, url: str) -> None:
    with Load(url) as load:
        load.wait_for(50)
        swarm.manager.docker("node", "update", "--availability", "drain", swarm.worker.name)
        wait_for(swarm, 2, 0)
        load.wait_for(100)
        swarm.manager.docker("node", "update", "--availability", "active", swarm.worker.name)
        swarm.manager.docker("service", "update", "--force", APP)
        wait_for(swarm, 1, 1)
        load.wait_for(100)
    print(f"a node of two drained under load: {dict(load.outcomes)}")
    assert (load.failures, load.outcomes["refused"]) == ({}, 0)


def test_killing_a_node_costs_no_request(swarm: Swarm, url: str) -> None:
    with Load(url) as load:
        load.wait_for(50)
        swarm.worker.kill()
        wait_for(swarm, 2, 0)
        load.wait_for(100)
    print(f"a node of two killed under load: {dict(load.outcomes)}")
    assert (load.failures, load.outcomes["refused"]) == ({}, 0)
    swarm.worker.start()
    swarm.cable()
    wait_until(lambda: swarm.running("inference_nginx")[swarm.worker.name], "it comes back", 90)
