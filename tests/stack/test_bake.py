"""docker-bake.hcl: what would be built. What can be built on one machine is in test_images.py."""

import json
import os
import subprocess
from typing import Any

import pytest

from inference_app.version import __version__
from tests.conftest import REPO
from tests.stack.docker import needs_docker

pytestmark = needs_docker

MODELS = {
    "resnet-50": "microsoft/resnet-50",
    "densenet-121": "timm/densenet121.tv_in1k",
    "bundled": "bundled",
}
RELEASE = {
    "IMAGE_PREFIX": "you/",
    "REVISION": "0123abc",
    "SOURCE_DATE_EPOCH": "1000000000",
    "SOURCE_URL": "https://example.com/source",
}


def bake(*arguments: str, **variables: str) -> dict[str, Any]:
    """Return the targets that would be built."""
    command = ["docker", "buildx", "bake", "-f", "docker-bake.hcl", "--print", *arguments]
    done = subprocess.run(
        command, cwd=REPO, env=os.environ | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    targets: dict[str, Any] = json.loads(done.stdout)["target"]
    return targets


def test_every_image_is_for_both_platforms_and_says_what_is_in_it() -> None:
    targets = bake(**RELEASE)
    assert set(targets) == {"nginx", *(f"app-{model}" for model in MODELS)}
    for target in targets.values():
        assert target["platforms"] == ["linux/amd64", "linux/arm64"]
        assert target["attest"] == ["type=provenance,mode=max", "type=sbom"]
        assert target["output"] == ["type=image,rewrite-timestamp=true"]
        assert target["args"]["VERSION"] == __version__


@pytest.mark.parametrize("model", MODELS)
def test_tags(model: str) -> None:
    targets = bake(**RELEASE)
    tags = {model, f"{__version__}-{model}"}
    if model == "resnet-50":
        tags |= {__version__, "latest"}
    target = targets[f"app-{model}"]
    assert target["args"]["MODEL_ID"] == MODELS[model]
    assert set(target["tags"]) == {f"you/inference_app:{tag}" for tag in tags}


def test_nginx_is_the_same_for_all_models() -> None:
    expected = [f"you/inference_nginx:{tag}" for tag in (__version__, "latest")]
    assert bake(**RELEASE)["nginx"]["tags"] == expected


def test_labels() -> None:
    for target in bake(**RELEASE).values():
        assert target["labels"] == {
            "org.opencontainers.image.created": "2001-09-09T01:46:40Z",
            "org.opencontainers.image.revision": "0123abc",
            "org.opencontainers.image.source": "https://example.com/source",
        }


def test_what_is_unknown_is_not_said() -> None:
    for target in bake(SOURCE_DATE_EPOCH="").values():
        assert "labels" not in target
        assert "SOURCE_DATE_EPOCH" not in target["args"]


def test_tests_need_no_model_of_the_hub() -> None:
    assert set(bake("bundled")) == {"nginx", "app-bundled"}


def test_the_image_for_gpus_has_torch_and_is_built_by_name_alone() -> None:
    (target,) = bake("app-gpu", **RELEASE).values()
    wanted = {"ENGINE": "torch", "REQUIREMENTS": "prepare", "TORCH": "cuda"}
    assert target["args"].items() >= wanted.items()
    assert target["tags"] == [f"you/inference_app:{tag}" for tag in (f"{__version__}-gpu", "gpu")]
    dockerfile = (REPO / target["dockerfile"]).read_text("utf-8")
    assert all(f"ARG {name}=" in dockerfile for name in wanted)


def test_compose_gives_each_replica_a_gpu() -> None:
    files = ["-f", "docker-compose.yml", "-f", "docker-compose.gpu.yml"]
    command = ["docker", "compose", *files, "config", "--format", "json"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    app = json.loads(done.stdout)["services"]["inference_app"]
    (gpu,) = app["deploy"]["resources"]["reservations"]["devices"]
    assert (gpu["driver"], gpu["count"], gpu["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert app["environment"]["WORKERS"] == "1"
    assert app["build"]["args"].items() >= {"ENGINE": "torch", "TORCH": "cuda"}.items()
    assert app["read_only"]
