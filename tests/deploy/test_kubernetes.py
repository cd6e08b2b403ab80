"""The manifests in deploy/kubernetes are valid, fit together, and promise what they should."""

import re

import kubernetes_validate
import pytest
from flask.testing import FlaskClient
from kubernetes_validate.utils import all_versions

from tests.deploy.kubernetes import (
    FOLDERS,
    KUBERNETES,
    container,
    environment,
    needs_kustomize,
    of_kind,
    pods,
    render,
    selected,
    values_of,
)
from tests.deploy.pod_security import violations

pytestmark = [needs_kustomize, pytest.mark.parametrize("folder", FOLDERS)]

DOCUMENT = (KUBERNETES / "README.md").read_text("utf-8")
(OLDEST,) = re.findall(r"Kubernetes (\d\.\d+) or later", DOCUMENT)
NEWEST = list(dict.fromkeys(all_versions()))[-3:]


def documented_secrets() -> dict[str, set[str]]:
    """Return the keys of each secret that the document tells to create.

    Source of those of a TLS secret: https://kubernetes.io/docs/concepts/configuration/secret/
    """
    commands = re.findall(r"create secret (\w+) (\S+)(.*)", DOCUMENT)
    return {
        name: {"tls.crt", "tls.key"}
        if kind == "tls"
        else set(re.findall(r"--from-file=(\w+)=", files))
        for kind, name, files in commands
    }


@pytest.mark.parametrize("version", [OLDEST, *NEWEST])
def test_the_api_takes_every_manifest(folder: str, version: str) -> None:
    for manifest in render(folder):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_everything_is_in_the_namespace(folder: str) -> None:
    (namespace,) = of_kind(folder, "Namespace")
    for manifest in render(folder):
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == namespace


def test_pods_are_as_restricted_as_their_namespace_asks(folder: str) -> None:
    (namespace,) = of_kind(folder, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(folder).values():
        assert list(violations(pod["spec"])) == []


def test_pods_have_more_than_the_standard_asks_for(folder: str) -> None:
    for name, pod in pods(folder).items():
        assert container(folder, name)["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False
        resources = container(folder, name)["resources"]
        assert resources["limits"].keys() == resources["requests"].keys() == {"cpu", "memory"}


def test_selectors_select_the_pods_they_are_for(folder: str) -> None:
    for name, deployment in of_kind(folder, "Deployment").items():
        assert selected(folder, deployment["spec"]["selector"]["matchLabels"]) == [name]
        assert of_kind(folder, "PodDisruptionBudget").keys() >= {name}
        for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert selected(folder, spread["labelSelector"]["matchLabels"]) == [name]
    for name, budget in of_kind(folder, "PodDisruptionBudget").items():
        assert selected(folder, budget["spec"]["selector"]["matchLabels"]) == [name]
    for policy in of_kind(folder, "NetworkPolicy").values():
        assert selected(folder, policy["spec"]["podSelector"]["matchLabels"])


def test_the_autoscaler_has_its_deployment_for_itself(folder: str) -> None:
    for scaler in of_kind(folder, "HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        deployment = of_kind(folder, target["kind"])[target["name"]]
        assert deployment["apiVersion"] == target["apiVersion"]
        assert "replicas" not in deployment["spec"]


def test_services_and_probes_name_ports_that_there_are(folder: str) -> None:
    ports = {
        name: {port["name"] for port in container(folder, name)["ports"]} for name in pods(folder)
    }
    for service in of_kind(folder, "Service").values():
        for name in selected(folder, service["spec"].get("selector", {"nobody": ""})):
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports[name]
    for name in pods(folder):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            (port,) = values_of("port", container(folder, name)[probe])
            assert port in ports[name]


def test_probes_ask_for_what_is_answered(folder: str, client: FlaskClient) -> None:
    for name in pods(folder):
        given = container(folder, name)
        for probe in (given["startupProbe"], given["readinessProbe"], given["livenessProbe"]):
            for path in values_of("path", probe):
                assert client.get(path).status_code == 200
    app = container(folder, "inference-app")
    assert app["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert app["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_every_volume_is_mounted_and_every_secret_read(folder: str) -> None:
    for name, pod in pods(folder).items():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {m["name"]: m["mountPath"] for m in container(folder, name)["volumeMounts"]}
        assert mounts.keys() == volumes.keys()
        secrets = {
            f"{mounts[each]}/{key}"
            for each, volume in volumes.items()
            if "secret" in volume
            for key in documented_secrets()[volume["secret"]["secretName"]]
        }
        read = environment(folder, name).values()
        assert secrets == {value for value in read if value.startswith("/run/secrets")}
        group = pod["spec"]["securityContext"]["fsGroup"]
        assert group == pod["spec"]["securityContext"]["runAsGroup"]
