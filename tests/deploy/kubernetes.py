"""What deploy/kubernetes becomes: rendered by Kustomize, and found again in there."""

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO

KUBERNETES = REPO / "deploy" / "kubernetes"
NGINX, INGRESS, EXAMPLE = "overlays/nginx", "overlays/ingress", "overlays/example"
COMPLETE = f"{EXAMPLE} with every component"
FOLDERS = ["base", NGINX, INGRESS, EXAMPLE, COMPLETE]

needs_kustomize = pytest.mark.skipif(
    shutil.which("kustomize") is None, reason="there is no kustomize on this machine"
)

Manifest = dict[str, Any]


@functools.cache
def render(folder: str | Path) -> list[Manifest]:
    """Return the manifests of a folder, below deploy/kubernetes where the path is relative."""
    if folder == COMPLETE:
        with tempfile.TemporaryDirectory() as copy:
            return _build(_uncommented(Path(copy)))
    return _build(KUBERNETES / folder)


def _uncommented(copy: Path) -> Path:
    """Make a copy of it all, the example with the components taken in; return the example."""
    shutil.copytree(KUBERNETES, copy, dirs_exist_ok=True)
    file = copy / EXAMPLE / "kustomization.yaml"
    text, count = re.subn(r"^# - ", "  - ", file.read_text("utf-8"), flags=re.MULTILINE)
    assert count == len(list((KUBERNETES / "components").iterdir()))
    file.write_text(text)
    return file.parent


def _build(folder: Path) -> list[Manifest]:
    build = ["kustomize", "build", str(folder)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(folder: str | Path, kind: str) -> dict[str, Manifest]:
    """Return a folder's manifests of a kind, by their names."""
    return {each["metadata"]["name"]: each for each in render(folder) if each["kind"] == kind}


def pods(folder: str | Path) -> dict[str, Manifest]:
    """Return a folder's pod templates, by the names of their Deployments."""
    return {name: each["spec"]["template"] for name, each in of_kind(folder, "Deployment").items()}


def container(folder: str | Path, deployment: str) -> Manifest:
    """Return the only container of a Deployment's pods."""
    (only,) = pods(folder)[deployment]["spec"]["containers"]
    found: Manifest = only
    return found


def environment(folder: str | Path, deployment: str) -> dict[str, str]:
    """Return the variables that a container is given, as the kubelet would fill them in.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    given = container(folder, deployment)
    values: dict[str, str] = {}
    for source in given["envFrom"]:
        values |= of_kind(folder, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    for row in given.get("env", []):
        value = row["value"] if "value" in row else _field(folder, deployment, row)
        for name, known in values.items():  # those above it alone
            value = value.replace(f"$({name})", known)
        values[row["name"]] = value
    return values


def _field(folder: str | Path, deployment: str, row: Manifest) -> str:
    assert row["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    namespace: str = of_kind(folder, "Deployment")[deployment]["metadata"]["namespace"]
    return namespace


def selected(folder: str | Path, labels: dict[str, str]) -> list[str]:
    """Return the Deployments whose pods have these labels."""
    return [
        name
        for name, pod in pods(folder).items()
        if labels.items() <= pod["metadata"]["labels"].items()
    ]


def values_of(key: str, where: Any) -> Iterator[Any]:
    """Yield the values that a key has, however deep it lies."""
    for name, value in where.items() if isinstance(where, dict) else enumerate(where):
        if name == key:
            yield value
        if isinstance(value, dict | list):
            yield from values_of(key, value)
