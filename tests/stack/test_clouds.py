"""The image as clouds host it: SageMaker's and Vertex AI's own SDKs start it, on this machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.clients.environment import run_python
from tests.conftest import ESPRESSO
from tests.stack.docker import docker, inspect_container, needs_docker
from tests.stack.running import Stack, answers
from tests.support.models import relabelled
from tests.support.server import free_port, wait_until

pytestmark = needs_docker

IMAGE = "inference_app:test"
QUIET = {  # nothing is asked of the clouds themselves
    "AWS_EC2_METADATA_DISABLED": "true",
    "GOOGLE_CLOUD_PROJECT": "none",
    "NO_GCE_CHECK": "true",
    "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
}
OPT_OUT = {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}


@pytest.fixture
def host(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Run a program that hosts the image, and return what it wrote; remove what it leaves."""
    results = tmp_path / "results.json"

    def run(program: str, *arguments: str, **environment: str) -> Any:
        last = (str(ESPRESSO), str(results))
        quiet = QUIET | {"TMPDIR": str(tmp_path)} | environment
        run_python(program, IMAGE, *arguments, *last, group="clouds", **quiet)
        return json.loads(results.read_text())

    yield run
    ended = ("--filter", "status=exited", "--filter", f"ancestor={IMAGE}")
    for container in docker("ps", "--all", "--quiet", *ended).split():
        docker("rm", container)


def test_sagemaker_hosts_the_image_with_model_data(
    host: Callable[..., Any], tmp_path: Path
) -> None:
    config, model = tmp_path / "config.yaml", relabelled(tmp_path / "model")
    config.write_text(json.dumps({"SchemaVersion": "1.0", "SageMaker": OPT_OUT}))
    settings = {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(config)}
    try:
        answers = host("sagemaker_local.py", str(model), str(free_port()), **settings)
    finally:
        docker("network", "rm", "--force", "sagemaker-local")
    ranking, of_json, scores, lines = answers
    assert ranking[0]["label"] == "other espresso"
    assert of_json == ranking
    assert max(scores) == ranking[0]["score"]
    assert lines == [{"prediction": scores}]


def test_sagemaker_hosts_the_image_with_its_own_model(stack: Stack) -> None:
    port = free_port()
    container = docker("run", "--detach", "-p", f"127.0.0.1:{port}:8080", IMAGE, "serve")
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), lambda: docker("logs", container), within=60)
        assert requests.get(f"{url}/ping", timeout=2).status_code == 200
        wait_until(
            lambda: inspect_container(container)["State"]["Health"]["Status"] == "healthy",
            "Docker's own health check asks at the same port",
        )
    finally:
        docker("rm", "--force", container)


def test_vertex_ai_hosts_the_image(host: Callable[..., Any]) -> None:
    (prediction,) = host("vertex_local.py")["predictions"]
    assert prediction["displayNames"][0] == "espresso"
    assert len(prediction["confidences"]) == 2
