"""What ./run_docker.sh says: where the service is, and why it cannot start."""

import os
import subprocess
from pathlib import Path

from tests.stack.docker import PROJECT, compose, docker, needs_docker, run_docker
from tests.stack.running import Stack
from tests.support.server import free_port

pytestmark = needs_docker


def test_it_says_where_it_is_and_how_to_stop_it(stack: Stack) -> None:
    output = stack.output.read_text()
    assert '"label":"espresso"' in output
    url = stack.url.replace("127.0.0.1", "localhost")
    assert f"page:    {url}/\n" in output
    assert f"curl -F image=@post_request/images/espresso.jpg {url}/predict\n" in output
    assert "bundled demonstration model: 200 classes, right about half the time" in output
    assert "MODEL_ID=microsoft/resnet-50 ./run_docker.sh" in output
    assert "docker compose down" in output


def test_images_are_built_where_there_is_nothing_to_pull(stack: Stack) -> None:
    nowhere = f"127.0.0.1:{free_port()}/"
    (stack.checkout / ".env").write_text(f"IMAGE_PREFIX={nowhere}\nMODEL_ID=bundled\n")
    try:
        run = run_docker(stack.checkout, HTTP_PORT=stack.environment["HTTP_PORT"])
    finally:
        (stack.checkout / ".env").unlink()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "there is nothing to pull" in run.stdout
    assert "building the images with bundled" in run.stdout
    compose(stack, "up", "--detach", "--wait")
    for name in ("inference_app", "inference_nginx"):
        docker("rmi", f"{nowhere}{name}:test")


def test_a_port_in_use_is_one_clear_line(stack: Stack) -> None:
    environment = stack.environment | {"COMPOSE_PROJECT_NAME": f"{PROJECT}-second"}
    run = subprocess.run(
        ["./run_docker.sh"],
        cwd=stack.checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert f"error: port {environment['HTTP_PORT']} is in use" in run.stderr


def test_a_hub_out_of_reach_names_the_bundled_model(stack: Stack) -> None:
    away = {"MODEL_ID": "microsoft/resnet-50", "HF_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    environment = stack.environment | away
    run = subprocess.run(
        ["./run_docker.sh"], cwd=stack.checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: cannot reach the Hugging Face Hub")
    assert "MODEL_ID=bundled" in line


def test_without_docker_it_says_so(stack: Stack, tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "id"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    run = subprocess.run(
        ["bash", "./run_docker.sh"],
        cwd=stack.checkout,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: there is no Docker on this machine")


def test_without_a_daemon_it_says_so(stack: Stack) -> None:
    environment = os.environ | {"DOCKER_HOST": "unix:///nonexistent.sock"}
    run = subprocess.run(
        ["./run_docker.sh"], cwd=stack.checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: Docker does not answer")
