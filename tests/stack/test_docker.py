"""The whole stack in Docker, on a real engine: what ./run_docker.sh and Compose promise."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from tests.conftest import ESPRESSO, encode
from tests.stack.docker import PROJECT, compose, docker, inspect, needs_docker, run_docker
from tests.stack.load import Load
from tests.stack.running import Stack, answers, clean_environment
from tests.support.contracts import CONTRACTS, Contract
from tests.support.models import relabelled
from tests.support.readme import commands
from tests.support.server import free_port, wait_until

pytestmark = needs_docker

MB = 1_000_000


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_client_is_answered(stack: Stack, contract: Contract) -> None:
    answer = contract.call(stack.url)
    assert answer.status_code == 200
    assert contract.check(answer), answer.text


@pytest.mark.parametrize("service", ["inference_app", "nginx"])
def test_the_containers_are_hardened(stack: Stack, service: str) -> None:
    facts = inspect(stack, service)
    host = facts["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    status = compose(stack, "exec", service, "cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    uid = int(compose(stack, "exec", service, "id", "-u"))
    assert uid > 0


def test_replicas_are_kept_by_the_next_up(stack: Stack) -> None:
    three = replace(stack, environment=stack.environment | {"REPLICAS": "3"})
    for _ in range(2):
        compose(three, "up", "--detach", "--wait")
        assert len(compose(stack, "ps", "--quiet", "inference_app").split()) == 3
    compose(stack, "up", "--detach", "--wait")
    assert len(compose(stack, "ps", "--quiet", "inference_app").split()) == 1


def test_no_request_fails_while_replicas_come_and_go(stack: Stack) -> None:
    with Load(stack.url) as load:
        load.wait_for(100)
        for replicas in ("3", "1"):
            scale = ["--no-recreate", "--wait", "--scale", f"inference_app={replicas}"]
            compose(stack, "up", "--detach", *scale)
            load.wait_for(600)
    print(f"scaled 1 -> 3 -> 1 under load: {dict(load.outcomes)}")
    assert load.failures == {}
    assert load.outcomes["refused"] == 0


def test_all_replicas_are_used(stack: Stack) -> None:
    compose(stack, "up", "--detach", "--no-recreate", "--wait", "--scale", "inference_app=3")
    seen: set[str] = set()

    def all_seen() -> bool:
        requests.post(f"{stack.url}/predict", data=ESPRESSO.read_bytes(), timeout=30)
        lines = compose(stack, "logs", "--no-log-prefix", "--tail", "50", "nginx").splitlines()
        facts = [line[line.index("{") :] for line in lines if '"upstream":"' in line]
        seen.update(json.loads(line)["upstream"] for line in facts)
        return len({address for address in seen if "," not in address}) >= 3

    wait_until(all_seen, lambda: f"used: {seen}", within=60)
    compose(stack, "up", "--detach", "--no-recreate", "--wait", "--scale", "inference_app=1")


def test_stopping_drops_no_request(stack: Stack) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2500, 3000, 3), dtype=np.uint8)
    picture = encode(Image.fromarray(noise), compress_level=1)
    sent = threading.Barrier(5)  # four clients and this test

    def chunks() -> Iterator[bytes]:
        yield from (picture[at : at + 65536] for at in range(0, len(picture), 65536))
        sent.wait(timeout=60)

    def post() -> int:
        return requests.post(f"{stack.url}/predict", data=chunks(), timeout=60).status_code

    with ThreadPoolExecutor(4) as clients:
        answered = [clients.submit(post) for _ in range(4)]
        sent.wait(timeout=60)
        compose(stack, "stop")
        assert [each.result() for each in answered] == [200] * 4
    compose(stack, "up", "--detach", "--wait")


def test_doctor_finds_nothing_that_would_fail(stack: Stack) -> None:
    said = compose(stack, "exec", "inference_app", "python", "-m", "inference_app", "doctor")
    assert "fail" not in said
    assert "8000 is this server's" in said


def test_doctor_says_when_the_memory_is_too_small(stack: Stack) -> None:
    command = ["docker", "run", "--rm", "--memory", "150m", "inference_app:test"]
    doctor = ["python", "-m", "inference_app", "doctor"]
    done = subprocess.run([*command, *doctor], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fail  memory     157 MB; workers need" in done.stdout


def test_the_image_is_small(stack: Stack) -> None:
    def size(image: str) -> int:
        return int(docker("image", "inspect", "--format", "{{.Size}}", image))

    model = stack.checkout / "inference_app" / "bundled"
    weight = sum(file.stat().st_size for file in model.iterdir())
    added = size("inference_app:test") - size("python:3.13-slim") - weight
    print(f"the runtime image adds {added / MB:.0f} MB to its base, without its model")
    assert added <= 350 * MB


def test_an_image_goes_through_save_and_load_and_runs_alone(stack: Stack, tmp_path: Path) -> None:
    archive = str(tmp_path / "image.tar")
    docker("tag", "inference_app:test", "inference_app:moved")
    docker("save", "--output", archive, "inference_app:moved")
    docker("rmi", "inference_app:moved")
    docker("load", "--input", archive)
    port = free_port()
    container = docker("run", "--detach", "-p", f"127.0.0.1:{port}:8000", "inference_app:moved")
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), lambda: docker("logs", container), within=60)
        answer = requests.post(url, files={"image": ESPRESSO.read_bytes()}, timeout=30)
        assert answer.json() == {"class_id": "n07920052", "class_name": "espresso"}
    finally:
        docker("rm", "--force", container)
        docker("rmi", "inference_app:moved")


def test_no_request_fails_while_the_model_is_swapped(stack: Stack) -> None:
    new = relabelled(stack.checkout / "models" / "new")
    section = commands("docs/operating.md")["Another model without a gap"]
    up, *swaps = [line.split()[2:] for line in section if line.startswith("docker compose")]
    compose(stack, *up)
    try:
        with Load(stack.url, clients=4) as load:
            for words in swaps:
                load.wait_for(20)
                compose(stack, *words)
            load.wait_for(20)
        assert load.failures == {}
        hashes = {path: prepared.read(path).digest for path in (BUNDLED_MODEL, new)}
        assert load.answers == {
            (hashes[BUNDLED_MODEL], "espresso"),
            (hashes[new], "other espresso"),
        }
    finally:
        compose(stack, "up", "--detach", "--wait")


def test_images_are_pushed_and_pulled(stack: Stack, registry: str) -> None:
    images = ["inference_app:test", "inference_nginx:test"]
    for image in images:
        docker("tag", image, f"{registry}/{image}")
        docker("push", "--quiet", f"{registry}/{image}")
        docker("rmi", f"{registry}/{image}")
    compose(stack, "down")
    run = run_docker(
        stack.checkout, IMAGE_PREFIX=f"{registry}/", HTTP_PORT=stack.environment["HTTP_PORT"]
    )
    try:
        assert run.returncode == 0, run.stdout + run.stderr
        assert "pulling the images" in run.stdout
        assert inspect(stack, "nginx")["Config"]["Image"] == f"{registry}/inference_nginx:test"
    finally:
        compose(stack, "down")
        for image in images:
            docker("rmi", f"{registry}/{image}")
        compose(stack, "up", "--detach", "--wait")


def test_the_app_is_built_and_run_alone(make_checkout: Callable[[], Path]) -> None:
    checkout, port = make_checkout(), free_port()
    build, run, ask = commands("docs/operating.md")["The app alone"]
    (checkout / "photo.jpg").write_bytes(ESPRESSO.read_bytes())
    bundled = ["--build-arg", "MODEL_ID=bundled"]  # the default is fetched from the Hub
    docker(*build.replace(" name ", " inference-alone ").split()[1:], *bundled, cwd=checkout)
    words = run.replace("-p 5000:", f"-p {port}:").replace(" name", " inference-alone").split()
    container = docker(words[1], "--detach", *words[2:])
    try:
        url = f"http://localhost:{port}"
        wait_until(lambda: answers(url), lambda: docker("logs", container), within=60)
        ask = ask.replace("http://localhost:5000", url)
        said = subprocess.run(ask.split(), cwd=checkout, capture_output=True, text=True).stdout
        assert '"espresso"' in said
    finally:
        docker("rm", "--force", container)
        docker("rmi", "inference-alone")


def test_a_model_is_prepared_while_the_image_is_built(
    make_checkout: Callable[[], Path], resnet_source: Path
) -> None:
    checkout = make_checkout()
    folder = checkout / "models" / "my-resnet"
    folder.parent.mkdir()
    resnet_source.rename(folder)
    settings = {"COMPOSE_PROJECT_NAME": f"{PROJECT}-model", "HTTP_PORT": str(free_port())}
    environment = clean_environment(**settings, IMAGE_TAG="model", MODEL_ID="models/my-resnet")
    run = subprocess.run(
        ["./run_docker.sh"], cwd=checkout, env=environment, capture_output=True, text=True
    )
    try:
        assert run.returncode == 0, run.stdout + run.stderr
        answer = requests.get(f"http://127.0.0.1:{settings['HTTP_PORT']}/readyz", timeout=30)
        assert answer.json()["model"] == "my-resnet"
        # torch stayed behind in the stage that prepared the model
        torch = ["exec", "inference_app", "python", "-c", "import torch"]
        missing = subprocess.run(
            ["docker", "compose", *torch], cwd=checkout, env=environment, capture_output=True
        )
        assert b"No module named 'torch'" in missing.stderr
    finally:
        docker("compose", "down", "--rmi", "all", environment=environment, cwd=checkout)
