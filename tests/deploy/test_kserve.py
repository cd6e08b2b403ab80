"""The manifests for KServe are valid, fit together, and run the app as the others do."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from flask.testing import FlaskClient

from inference_app.config import Settings
from inference_app.model import prepared
from tests.clients.environment import run_python
from tests.deploy.kubernetes import container, needs_kustomize, of_kind, pods, render, values_of
from tests.deploy.pod_security import violations

pytestmark = needs_kustomize

FOLDER, BASE, APP = "kserve", "base", "inference-app"


@pytest.fixture(scope="module")
def runtime() -> dict[str, Any]:
    """Return the spec of the runtime."""
    spec: dict[str, Any] = of_kind(FOLDER, "ServingRuntime")[APP]["spec"]
    return spec


@pytest.fixture(scope="module")
def predictor() -> dict[str, Any]:
    """Return the only service's predictor."""
    (service,) = of_kind(FOLDER, "InferenceService").values()
    found: dict[str, Any] = service["spec"]["predictor"]
    return found


@pytest.fixture(scope="module")
def pod(runtime: dict[str, Any], predictor: dict[str, Any]) -> dict[str, Any]:
    """Return a pod as KServe makes it of the two."""
    taken = ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds")
    spec = {"containers": runtime["containers"], "volumes": runtime["volumes"]}
    return spec | {name: predictor[name] for name in taken}


def check(folder: Path, manifests: list[dict[str, Any]]) -> None:
    """Fail unless KServe's own classes take the manifests."""
    file = folder / "manifests.json"
    file.write_text(json.dumps(manifests))
    run_python("kserve_manifests.py", str(file))


def test_kserves_classes_take_the_manifests(tmp_path: Path) -> None:
    check(tmp_path, render(FOLDER))


def test_kserves_classes_refuse_a_field_that_they_do_not_know(tmp_path: Path) -> None:
    text = json.dumps(render(FOLDER)).replace('"storageUri"', '"storageURI"')
    with pytest.raises(AssertionError, match=r"predictor/model has no field \{'storageURI'\}"):
        check(tmp_path, json.loads(text))


def test_the_pod_is_valid_and_restricted(pod: dict[str, Any]) -> None:
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": APP}, "spec": pod}
    kubernetes_validate.validate(whole, "1.30", strict=True)
    assert list(violations(pod)) == []


def test_the_pod_is_that_of_the_base(pod: dict[str, Any]) -> None:
    (app,), base = pod["containers"], container(BASE, APP)
    assert app["image"].split("/")[-1] == base["image"]
    assert app["resources"] == base["resources"]
    assert app["lifecycle"] == base["lifecycle"]
    assert app["securityContext"].items() >= base["securityContext"].items()
    assert (app["volumeMounts"], pod["volumes"]) == (
        base["volumeMounts"],
        pods(BASE)[APP]["spec"]["volumes"],
    )
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        timing = {key: value for key, value in base[name].items() if key != "httpGet"}
        assert app[name].items() >= timing.items()
    for name in ("automountServiceAccountToken", "enableServiceLinks"):
        assert pod[name] is pods(BASE)[APP]["spec"][name] is False
    grace = "terminationGracePeriodSeconds"
    assert pod[grace] == pods(BASE)[APP]["spec"][grace]


def test_the_service_fits_the_runtime(
    runtime: dict[str, Any], predictor: dict[str, Any], settings: Settings
) -> None:
    model = predictor["model"]
    assert model["runtime"] in of_kind(FOLDER, "ServingRuntime")
    (taken,) = runtime["supportedModelFormats"]
    assert model["modelFormat"] == {"name": taken["name"], "version": taken["version"]}
    assert taken["version"] == str(prepared.FORMAT)
    assert [model["protocolVersion"]] == runtime["protocolVersions"] == ["v2"]
    assert predictor["timeout"] > settings.deadline


def test_the_app_listens_where_it_is_asked(runtime: dict[str, Any], client: FlaskClient) -> None:
    (app,) = runtime["containers"]
    variables = {row["name"]: row["value"] for row in app["env"]}
    assert variables == {"PORT": "8080", "MODEL_PATH": "/mnt/models"}
    assert app["name"] == "kserve-container"
    probes = [app[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    ports = [port["containerPort"] for port in app["ports"]] + list(values_of("port", probes))
    assert {*map(str, ports), runtime["annotations"]["prometheus.kserve.io/port"]} == {"8080"}
    for path in (*values_of("path", probes), runtime["annotations"]["prometheus.kserve.io/path"]):
        assert client.get(path).status_code == 200
