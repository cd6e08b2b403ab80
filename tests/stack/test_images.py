"""The images as they are published: built, pushed, pulled by digest where there is no image yet.

Two machines of their own do that: one builds, one pulls and serves. This machine's engine stores
neither attestations nor files' times as the published images have them, and has images already.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from inference_app.version import __version__
from tests.conftest import ESPRESSO, REPO
from tests.stack.docker import needs_docker
from tests.stack.image import Image
from tests.stack.running import clean_environment
from tests.stack.swarm import Node
from tests.support.readme import commands

pytestmark = needs_docker

BASES = ["python:3.13-slim", "nginxinc/nginx-unprivileged:1.30"]
NAMES = {"app-bundled": "inference_app", "nginx": "inference_nginx"}
PREFIX, EXPORT, _, BAKE, SBOM, PROVENANCE = commands("docs/releasing.md")["The images"]
COMMIT = {"REVISION": "0123abc", "SOURCE_DATE_EPOCH": "1000000000"}
MB = 1_000_000
# As slirp4netns has it: this machine's 127.0.0.1, and its DNS.
HERE, DNS = "10.0.2.2", "10.0.2.3"
ENGINE = {
    "features": {"containerd-snapshotter": True},
    "dns": [DNS],
    "insecure-registries": [f"{HERE}/32"],
}


@contextmanager
def machine(folder: Path, number: int) -> Iterator[Node]:
    """Start a machine whose engine has no image; it reaches what this machine reaches."""
    settings = folder / f"{number}.json"
    settings.write_text(json.dumps(ENGINE))
    node = Node(folder, number, "--config-file", str(settings))
    try:
        node.boot()
        uplink = ["slirp4netns", "--configure", "--mtu", "65520", str(node.pid), "tap0"]
        with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *uplink]) as slirp:
            try:
                node.start_engine()
                yield node
            finally:
                slirp.kill()
    finally:
        node.remove()


Build = Callable[..., dict[str, Image]]


@pytest.fixture(scope="module")
def prefix(registry: str) -> str:
    return f"{registry.replace('127.0.0.1', HERE)}/"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Start a machine that builds; it has this one's base images, which may be stand-ins."""
    with machine(tmp_path_factory.mktemp("builder"), 3) as node:
        with subprocess.Popen(["docker", "save", *BASES], stdout=subprocess.PIPE) as save:
            load = ["docker", "--host", node.host, "load"]
            subprocess.run(load, stdin=save.stdout, check=True)
        yield node


@pytest.fixture(scope="module")
def build(builder: Node, prefix: str, make_checkout: Callable[[], Path]) -> Build:
    """Return what builds the images by the document's line, but for one platform, without SBOM.

    Times of all files in its checkout are `seconds`.
    """

    def run(seconds: int, *options: str) -> dict[str, Image]:
        checkout = make_checkout()
        for path in checkout.rglob("*"):
            os.utime(path, (seconds, seconds))
        images = {name: Image(checkout.parent / f"{seconds}-{name}.tar") for name in NAMES}
        words = [*BAKE.replace("--push", "bundled").split(), *options]
        words += ["--set", "*.platform=linux/amd64", "--set", "*.attest=type=sbom,disabled=true"]
        for name, image in images.items():
            output = f"type=oci,dest={image.archive},rewrite-timestamp=true"
            words += ["--set", f"{name}.output={output}"]
        told = clean_environment(DOCKER_HOST=builder.host, IMAGE_PREFIX=prefix, **COMMIT)
        done = subprocess.run(words, cwd=checkout, env=told, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return images

    return run


@pytest.fixture(scope="module")
def images(build: Build) -> dict[str, Image]:
    return build(1_500_000_000)


@pytest.fixture(scope="module")
def pushed(builder: Node, images: dict[str, Image], prefix: str) -> dict[str, Image]:
    """Push the images, with all their tags."""
    for name, image in images.items():
        builder.docker("load", "--input", str(image.archive))
        builder.docker("push", "--quiet", "--all-tags", f"{prefix}{NAMES[name]}")
    return images


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(images: dict[str, Image], name: str) -> None:
    labels = images[name].config()["config"]["Labels"]
    said = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert said.pop("description")
    assert said == {
        "title": NAMES[name],
        "version": __version__,
        "revision": "0123abc",
        "created": "2001-09-09T01:46:40Z",
    }


def test_its_provenance_says_what_it_was_built_from(images: dict[str, Image]) -> None:
    for image, base in zip(images.values(), BASES, strict=True):
        statement = image.provenance()
        assert statement["predicateType"] == "https://slsa.dev/provenance/v0.2"
        assert statement["subject"][0]["digest"]["sha256"] in image.platform["digest"]
        predicate = statement["predicate"]
        name = base.replace(":", "@")
        assert any(name in material["uri"] for material in predicate["materials"]), predicate
        asked = predicate["invocation"]["parameters"]["args"]
        assert asked["build-arg:VERSION"] == __version__


@pytest.mark.parametrize(("line", "expected"), [(SBOM, ""), (PROVENANCE, "buildType")])
def test_what_is_attested_can_be_read(
    pushed: dict[str, Image], prefix: str, line: str, expected: str
) -> None:
    there = line.replace("you/", prefix.replace(HERE, "127.0.0.1"))
    done = subprocess.run(
        ["bash", "-c", there.replace(__version__, "bundled")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_a_build_is_told_its_commit() -> None:
    lines = f"{PREFIX}\n{EXPORT}\necho $IMAGE_PREFIX $REVISION $SOURCE_DATE_EPOCH"
    done = subprocess.run(["bash", "-ec", lines], cwd=REPO, capture_output=True, text=True)
    assert re.fullmatch(r"you/ [0-9a-f]{40} \d{10}\n", done.stdout), done.stderr


def test_the_same_commit_gives_the_same_images(build: Build, images: dict[str, Image]) -> None:
    again = build(1_600_000_000, "--no-cache")
    for name, image in images.items():
        assert again[name].manifest()["layers"] == image.manifest()["layers"]
        assert again[name].platform["digest"] == image.platform["digest"]


def test_its_tags_are_pushed(pushed: dict[str, Image], prefix: str) -> None:
    tags = {"inference_app": [f"{__version__}-bundled", "bundled"]}
    tags["inference_nginx"] = [__version__, "latest"]
    for name, expected in tags.items():
        url = f"http://{prefix.replace(HERE, '127.0.0.1')}v2/{name}/tags/list"
        assert sorted(requests.get(url, timeout=10).json()["tags"]) == expected


def test_a_machine_without_images_pulls_them_by_digest_and_serves(
    pushed: dict[str, Image], prefix: str, make_checkout: Callable[[], Path], tmp_path: Path
) -> None:
    with machine(tmp_path, 4) as node:
        told = clean_environment(
            DOCKER_HOST=node.host,
            IMAGE_PREFIX=prefix,
            IMAGE_TAG=f"{__version__}@{pushed['nginx'].digest}",
            APP_TAG=f"bundled@{pushed['app-bundled'].digest}",
            HTTP_PORT="8080",
        )
        enter = ["nsenter", f"--net=/proc/{node.pid}/ns/net"]
        done = subprocess.run(
            [*enter, "./run_docker.sh"],
            cwd=make_checkout(),
            env=told,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "pulling the images" in done.stdout
        url = f"http://{node.address}:8080/upload"
        answer = requests.post(url, files={"file": ESPRESSO.read_bytes()}, timeout=30)
        assert answer.json() == {"class_id": "n07920052", "class_name": "espresso"}
        for name, image in pushed.items():
            reference = f"{prefix}{NAMES[name]}@{image.digest}"
            assert reference in node.inspect("image", reference)["RepoDigests"]


@pytest.mark.parametrize(("name", "base"), list(zip(NAMES, BASES, strict=True)))
def test_it_is_small_to_pull(builder: Node, images: dict[str, Image], name: str, base: str) -> None:
    sizes = [layer["size"] for layer in images[name].manifest()["layers"]]
    added = sizes[len(builder.inspect("image", base)["RootFS"]["Layers"]) :]
    beyond, whole = sum(added) / MB, sum(sizes) / MB
    print(f"{NAMES[name]}: {beyond:.1f} MB to pull beyond {base}, {whole:.1f} MB in all")
    assert 0 < beyond <= 150
