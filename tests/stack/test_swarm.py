"""A real Swarm of two nodes, run by the lines of docs/operating.md, while clients ask."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.conftest import ESPRESSO, REPO
from tests.stack.docker import docker, needs_docker
from tests.stack.load import Load
from tests.stack.running import Stack
from tests.stack.swarm import Swarm
from tests.support.readme import commands
from tests.support.server import wait_until

PROGRAMS = ("dockerd", "ip", "nsenter", "setpriv", "unshare")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(program) for program in PROGRAMS),
    reason=f"two engines of one's own need root and {', '.join(PROGRAMS)}",
)
pytestmark = [needs_docker, needs_root]

START, UPDATE, SECURE, SCALE, DRAIN, ACTIVATE, SPREAD = commands("docs/operating.md")[
    "Docker Swarm"
]
TAG = re.findall(r"APP_TAG=(\S+)", UPDATE)[0]
APP = "inference_inference_app"
SETTINGS = {"HTTP_PORT": "8080", "HTTPS_PORT": "8443", "IMAGE_TAG": "test", "WORKERS": "1"}
BUNDLED = REPO / "inference_app" / "bundled"

Run = Callable[[str], subprocess.CompletedProcess[str]]


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
    """Deploy the stack to a Swarm."""
    with Swarm(tmp_path_factory.mktemp("swarm")) as swarm:
        swarm.load(*images)
        deployed = swarm.run(START, stack.checkout, **SETTINGS)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield swarm


@pytest.fixture
def run(swarm: Swarm, stack: Stack) -> Run:
    """Return what runs a line on the manager."""
    return lambda line: swarm.run(line, stack.checkout, **SETTINGS)


@pytest.fixture
def url(swarm: Swarm) -> str:
    """Return the address of NGINX on the node that stays."""
    return f"http://{swarm.manager.address}:8080"


def model(url: str) -> str | None:
    """Return the name of the model that answers."""
    answer = requests.post(f"{url}/predict", ESPRESSO.read_bytes(), timeout=30)
    return answer.headers.get("X-Model")


def wait_for(swarm: Swarm, replicas: int, nodes: int = 2) -> None:
    """Wait until so many replicas run, on so many nodes."""

    def reached() -> bool:
        running = swarm.running(APP)
        return running.total() == replicas and len(running) == nodes

    wait_until(reached, lambda: swarm.manager.docker("service", "ps", "--no-trunc", APP), within=90)


def nothing_failed(load: Load, meanwhile: str) -> bool:
    """Return whether each request of a load was answered; print how many there were."""
    print(f"{meanwhile}: {dict(load.outcomes)}")
    return set(load.outcomes) == {200}


def test_it_runs_on_both_nodes_and_each_one_answers(swarm: Swarm) -> None:
    wait_for(swarm, 3)
    for node in swarm.nodes:
        assert model(f"http://{node.address}:8080") == "resnet-tiny-imagenet"


def test_scaling_costs_no_request(swarm: Swarm, run: Run, url: str) -> None:
    with Load(url, clients=4) as load:
        load.wait_for(50)
        for replicas in (5, 3):
            assert run(SCALE.replace("=5", f"={replicas}")).returncode == 0
            wait_for(swarm, replicas)
            load.wait_for(200)
    assert nothing_failed(load, "scaled 3 -> 5 -> 3")


def test_a_new_model_costs_no_request(run: Run, url: str) -> None:
    with Load(url, clients=4) as load:
        load.wait_for(50)
        updated = run(UPDATE.replace(TAG, "new"))
        load.wait_for(50)
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert nothing_failed(load, "updated to another model")
    assert {model(url) for _ in range(10)} == {"new"}


def test_a_broken_model_is_rolled_back_and_costs_no_request(
    swarm: Swarm, run: Run, url: str
) -> None:
    before = model(url)
    with Load(url, clients=4) as load:
        load.wait_for(50)
        updated = run(UPDATE.replace(TAG, "broken"))
        load.wait_for(50)
    assert updated.returncode == 1
    assert f"error: {APP} was rolled back" in updated.stderr
    assert nothing_failed(load, "updated to a broken model")
    wait_for(swarm, 3)
    assert {model(url) for _ in range(10)} == {before}


def test_draining_a_node_costs_no_request(swarm: Swarm, run: Run, url: str) -> None:
    with Load(url, clients=4) as load:
        load.wait_for(50)
        assert run(DRAIN.replace("NODE", swarm.worker.name)).returncode == 0
        wait_for(swarm, 3, nodes=1)
        load.wait_for(50)
        assert run(ACTIVATE.replace("NODE", swarm.worker.name)).returncode == 0
        assert run(SPREAD).returncode == 0
        wait_for(swarm, 3)
        load.wait_for(50)
    assert nothing_failed(load, "drained a node of two")


def test_a_node_that_dies_costs_no_request(swarm: Swarm, url: str) -> None:
    with Load(url, clients=4) as load:
        load.wait_for(50)
        swarm.worker.cut_off()
        swarm.worker.kill()
        wait_for(swarm, 3, nodes=1)
        load.wait_for(50)
    assert nothing_failed(load, "lost a node of two")
    swarm.restart_worker()
    wait_until(lambda: len(swarm.running("inference_nginx")) == 2, "it does not come back", 90)


def test_keys_and_certificates_are_secrets(
    swarm: Swarm, stack: Stack, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, key = swarm.manager.address, "0123456789abcdef"
    (stack.checkout / "keys.txt").write_text(f"{key}\n")
    openssl = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out crt.pem -subj /CN=x"
    assert run(f"{openssl} -addext subjectAltName=IP:{host}").returncode == 0
    deployed = run(SECURE)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stack.checkout / "crt.pem"))
    url, picture = f"https://{host}:8443/predict", ESPRESSO.read_bytes()
    assert requests.post(url, picture, timeout=30).status_code == 401
    headers = {"X-API-Key": key}
    assert requests.post(url, picture, headers=headers, timeout=30).status_code == 200


def test_without_a_swarm_it_says_what_to_do(stack: Stack) -> None:
    script = stack.checkout / "deploy/swarm/deploy.sh"
    done = subprocess.run([str(script)], env=stack.environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "error: this engine is no manager of a Swarm; make it one: docker swarm init\n"
    )
