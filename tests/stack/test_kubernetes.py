"""The pods of deploy/kubernetes, run by Docker with what their manifests give them.

It stands for the kubelet: user, file system, volumes, variables, limits and probes are the
manifests'; what a cluster does with its pods is not tested.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.conftest import ESPRESSO
from tests.deploy.kubernetes import (
    COMPLETE,
    NGINX,
    Manifest,
    container,
    environment,
    needs_kustomize,
    pods,
)
from tests.stack.docker import docker, needs_docker
from tests.stack.running import Stack
from tests.support.server import free_port, wait_until

pytestmark = [needs_docker, needs_kustomize]

KEY = "a-key-of-the-tests"


@dataclass(frozen=True)
class Pod:
    """A pod's only container, and its ports on this machine by their names in the manifest."""

    given: Manifest
    identifier: str
    ports: dict[str, int]

    def passes(self, probe: str) -> bool:
        """Return whether a probe passes; who listens on a port that is only opened speaks HTTP."""
        rule = self.given[probe]
        get = rule.get("httpGet", rule.get("tcpSocket"))
        url = f"http://127.0.0.1:{self.ports[get['port']]}{get.get('path', '/')}"
        try:
            answer = requests.get(url, timeout=rule.get("timeoutSeconds", 1), allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.ok or "tcpSocket" in rule


def security(spec: Manifest) -> list[str]:
    """Return Docker's options for a pod's user, and for what it may do and use."""
    user, own = spec["securityContext"], spec["containers"][0]["securityContext"]
    limits = spec["containers"][0]["resources"]["limits"]
    return [
        f"--user={user['runAsUser']}:{user['runAsGroup']}",
        f"--group-add={user['fsGroup']}",
        f"--read-only={str(own['readOnlyRootFilesystem']).lower()}",
        *(f"--cap-drop={name}" for name in own["capabilities"]["drop"]),
        f"--security-opt=no-new-privileges={str(not own['allowPrivilegeEscalation']).lower()}",
        f"--memory={limits['memory'].removesuffix('i')}",
        f"--cpus={limits['cpu']}",
    ]


def volumes(spec: Manifest, secrets: Path) -> list[str]:
    """Return Docker's options for a pod's volumes; its secrets are folders of files."""
    mounts = {each["name"]: each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
    options = []
    for volume in spec["volumes"]:
        path = mounts[volume["name"]]
        if "secret" in volume:
            options.append(f"--volume={secrets / volume['secret']['secretName']}:{path}:ro")
        else:
            limit = volume["emptyDir"]["sizeLimit"].removesuffix("i")
            options.append(f"--tmpfs={path}:size={limit},mode=777")
    return options


@contextmanager
def run(folder: str, deployment: str, network: str, secrets: Path) -> Iterator[Pod]:
    """Run a pod of a Deployment; the network knows it by the name of its Service."""
    spec, given = pods(folder)[deployment]["spec"], container(folder, deployment)
    ports = {port["name"]: free_port() for port in given["ports"]}
    image = re.sub(r"^.*/|:.*$", "", given["image"]) + ":test"
    identifier = docker(
        *("run", "--detach", f"--network={network}"),
        f"--network-alias={deployment}.inference.svc.cluster.local",
        *security(spec),
        *volumes(spec, secrets),
        *(f"--env={name}={value}" for name, value in environment(folder, deployment).items()),
        *(f"-p=127.0.0.1:{ports[row['name']]}:{row['containerPort']}" for row in given["ports"]),
        image,
    )
    try:
        yield Pod(given, identifier, ports)
    finally:
        docker("rm", "--force", "--volumes", identifier)


@pytest.fixture
def network() -> Iterator[str]:
    """Return a network of Docker's with nobody in it."""
    name = f"inference-test-kubernetes-{free_port()}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return the secrets that deploy/kubernetes/README.md tells to create, a folder each."""
    keys, tls = tmp_path / "inference-api-keys", tmp_path / "inference-tls"
    keys.mkdir()
    (keys / "api_keys").write_text(f"{KEY}\n")
    tls.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost"]
    make += ["-keyout", str(tls / "tls.key"), "-out", str(tls / "tls.crt")]
    subprocess.run(make, check=True, capture_output=True)
    (tls / "tls.key").chmod(0o444)  # the kubelet would let the pod's group read it
    return tmp_path


@pytest.mark.parametrize(("folder", "scheme"), [(NGINX, "http"), (COMPLETE, "https")])
def test_pods_start_in_any_order_and_serve(
    stack: Stack, network: str, secrets: Path, folder: str, scheme: str
) -> None:
    def log(pod: Pod) -> str:
        return docker("logs", pod.identifier, merge=True)

    with ExitStack() as running:
        nginx = running.enter_context(run(folder, "inference-nginx", network, secrets))
        wait_until(lambda: nginx.passes("livenessProbe"), lambda: log(nginx), within=60)
        assert not nginx.passes("startupProbe")  # it has found no replica
        app = running.enter_context(run(folder, "inference-app", network, secrets))
        wait_until(lambda: app.passes("startupProbe"), lambda: log(app), within=60)
        wait_until(lambda: nginx.passes("startupProbe"), lambda: log(nginx), within=60)
        for pod in (nginx, app):
            assert pod.passes("readinessProbe")
            assert pod.passes("livenessProbe")
        url = f"{scheme}://localhost:{nginx.ports[scheme]}/predict"
        ca = str(secrets / "inference-tls" / "tls.crt")
        picture, headers = ESPRESSO.read_bytes(), {"X-API-Key": KEY}
        answer = requests.post(url, picture, headers=headers, verify=ca, timeout=30)
        assert "espresso" in answer.text
        refused = requests.post(url, picture, verify=ca, timeout=30)
        assert refused.status_code == (401 if folder == COMPLETE else 200)
