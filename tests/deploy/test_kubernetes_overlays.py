"""What the overlays and components are for: what is found by which name, passes, scales."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from flask.testing import FlaskClient

from inference_app.config import Settings
from tests.conftest import REPO
from tests.deploy.kubernetes import (
    COMPLETE,
    EXAMPLE,
    INGRESS,
    KUBERNETES,
    NGINX,
    Manifest,
    container,
    environment,
    needs_kustomize,
    of_kind,
    selected,
)

pytestmark = needs_kustomize
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="there is no promtool on this machine"
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return an overlay of a user's, into a namespace of another name."""
    stack = os.path.relpath(KUBERNETES / NGINX, tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(f"namespace: elsewhere\nresources: [{stack}]\n")
    return tmp_path.resolve()


def test_nginx_finds_every_replica_by_its_whole_name(elsewhere: Path) -> None:
    server = environment(elsewhere, "inference-nginx")["APP_SERVER"]
    found = re.fullmatch(r"([\w-]+)\.([\w-]+)\.svc\.cluster\.local:(\d+) resolve", server)
    assert found
    service = of_kind(elsewhere, "Service")[found[1]]
    assert service["metadata"]["namespace"] == found[2] == "elsewhere"
    assert [str(port["port"]) for port in service["spec"]["ports"]] == [found[3]]
    assert service["spec"]["clusterIP"] == "None"
    assert selected(elsewhere, service["spec"]["selector"]) == ["inference-app"]


def test_a_headless_port_is_the_containers_own() -> None:
    """Nothing stands between to translate it."""
    (port,) = of_kind(NGINX, "Service")["inference-app"]["spec"]["ports"]
    assert container(NGINX, "inference-app")["ports"] == [
        {"name": port["targetPort"], "containerPort": port["port"]}
    ]


def test_clients_come_to_nginx_with_their_own_addresses() -> None:
    service = of_kind(NGINX, "Service")["inference"]["spec"]
    assert selected(NGINX, service["selector"]) == ["inference-nginx"]
    assert (service["type"], service["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def backend(path: Manifest) -> Manifest:
    """Return the Service that a path of the Ingress leads to."""
    service: Manifest = of_kind(INGRESS, "Service")[path["backend"]["service"]["name"]]["spec"]
    names = [port["name"] for port in service["ports"]]
    assert path["backend"]["service"]["port"]["name"] in names
    return service


def test_an_ingress_leads_to_the_app_but_for_its_metrics() -> None:
    (rule,) = of_kind(INGRESS, "Ingress")["inference"]["spec"]["rules"]
    paths = {(path["pathType"], path["path"]): backend(path) for path in rule["http"]["paths"]}
    assert selected(INGRESS, paths["Prefix", "/"]["selector"]) == ["inference-app"]
    assert "selector" not in paths["Exact", "/metrics"]
    assert len(paths) == 2


def test_an_ingress_lets_pass_what_the_app_takes() -> None:
    notes = of_kind(INGRESS, "Ingress")["inference"]["metadata"]["annotations"]
    settings = Settings.from_environment(environment(INGRESS, "inference-app"))
    assert notes["nginx.org/client-max-body-size"] == f"{settings.max_upload_mb}m"
    timeout = int(notes["nginx.org/proxy-read-timeout"].removesuffix("s"))
    assert settings.deadline < timeout < settings.graceful_timeout


def test_the_queue_is_a_metric_that_the_app_has(client: FlaskClient) -> None:
    metrics = of_kind(COMPLETE, "HorizontalPodAutoscaler")["inference-app"]["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]
    name = metrics[1]["pods"]["metric"]["name"]
    assert f"\n{name}{{" in client.get("/metrics").text
    assert adapter_rule()["seriesQuery"].startswith(f"{name}{{")


def adapter_rule() -> Manifest:
    """Return what the Prometheus adapter is told to make of the app's metric."""
    file = KUBERNETES / "components" / "queue-depth" / "prometheus-adapter.yaml"
    (rule,) = yaml.safe_load(file.read_text("utf-8"))["rules"]["custom"]
    found: Manifest = rule
    return found


@needs_promtool
def test_the_queue_of_each_pod_is_the_mean_of_a_minute_over_all_stages(tmp_path: Path) -> None:
    series = "inference_app_pictures_waiting"
    query = (
        adapter_rule()["metricsQuery"]
        .replace("<<.Series>>", series)
        .replace("<<.LabelMatchers>>", 'namespace="inference",pod=~"a|b"')
        .replace("<<.GroupBy>>", "pod")
    )

    def line(stage: str, pod: str, namespace: str, values: str) -> dict[str, str]:
        labels = f'stage="{stage}",pod="{pod}",namespace="{namespace}"'
        return {"series": f"{series}{{{labels}}}", "values": values}

    test = {
        "interval": "15s",
        "input_series": [
            line("decode", "a", "inference", "0 7 4 8 8 8"),  # over a minute: 7
            line("infer", "a", "inference", "1x5"),
            line("decode", "b", "inference", "0x5"),
            line("decode", "a", "elsewhere", "9x5"),
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "75s",
                "exp_samples": [
                    {"labels": '{pod="a"}', "value": 8},
                    {"labels": '{pod="b"}', "value": 0},
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_takes_images_from_a_registry_and_adds_a_setting() -> None:
    for name in ("inference-app", "inference-nginx"):
        assert container(EXAMPLE, name)["image"] == f"you/{container(NGINX, name)['image']}"
        before, after = environment(NGINX, name), environment(EXAMPLE, name)
        assert after.items() > before.items()


def test_the_document_names_what_there_is() -> None:
    text = (REPO / "deploy/kubernetes/README.md").read_text("utf-8")
    copies = {copy: folder for folder, copy in re.findall(r"cp -r (\S+) (\S+)", text)}
    applied = re.findall(r"kubectl apply -k (\S+)", text)
    assert applied
    for folder in applied:
        assert (REPO / copies.get(folder, folder) / "kustomization.yaml").exists()
