"""The monitoring profile: a real Prometheus asks a running stack, with our rules and dashboard."""

import http.client
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from monitoring import dashboard
from tests.conftest import ESPRESSO, REPO
from tests.stack.running import Stack
from tests.support.server import free_port, wait_until

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="there is no Prometheus on this machine",
)

MONITORING = REPO / "monitoring"
CONFIG = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
COMPOSE = yaml.safe_load((REPO / "docker-compose.yml").read_text("utf-8"))
PROFILE = {
    name: service
    for name, service in COMPOSE["services"].items()
    if service.get("profiles") == ["monitoring"]
}


def dashboard_queries() -> list[str]:
    """Return the queries of the dashboard, with Grafana's variables filled in."""
    panels = json.loads(dashboard.FILE.read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [query.replace("$__rate_interval", "1m").replace("$__range", "1h") for query in queries]


def alert_values() -> list[str]:
    """Return what each alert compares with its threshold."""
    values = []
    for rule in RULES:
        value, comparison, _ = rule["expr"].rsplit(" ", 2)
        assert comparison in ("<", ">")
        values.append(value)
    return values


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that a path of the HTTP API answers with."""
        answer = requests.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[float]:
        """Return the values of the series that an expression yields now."""
        series = self.get("query", query=expression)["result"]
        return [float(each["value"][1]) for each in series]

    def is_ready(self) -> bool:
        """Return whether it has read its rules; until then it answers with 503."""
        try:
            return requests.get(f"{self._url}/-/ready", timeout=30).ok
        except requests.ConnectionError:
            return False


@pytest.fixture(scope="module")
def prometheus(local: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run Prometheus with our configuration, but for where the app is and how often it is asked."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    shutil.copy(MONITORING / "alerts.yml", folder)
    (job,) = CONFIG["scrape_configs"]
    app = {"static_configs": [{"targets": [f"127.0.0.1:{local.environment['PORT']}"]}]}
    config = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": CONFIG["rule_files"],
        "scrape_configs": [
            {name: value for name, value in job.items() if name != "dns_sd_configs"} | app
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    made = Prometheus(port)
    try:
        wait_until(made.is_ready, (folder / "log").read_text)
        ask_again_and_again(local, made)
        yield made
    finally:
        process.terminate()
        process.wait(30)


def ask_again_and_again(stack: Stack, prometheus: Prometheus) -> None:
    """Post pictures, good and bad, between scrapes: a rate needs two samples of a series."""
    counted = 'sum(inference_app_requests_total{error="unsupported_picture"})'
    before = 0.0
    for _ in range(3):
        for data, status in ((ESPRESSO.read_bytes(), 200), (b"text", 415)):
            answer = requests.post(f"{stack.url}/predict", data=data, timeout=30)
            assert answer.status_code == status
        wait_until(lambda before=before: prometheus.query(counted) > [before], "it is scraped")  # type: ignore[misc]
        (before,) = prometheus.query(counted)


@needs_prometheus
def test_the_app_is_scraped(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["scrapeUrl"].endswith("/metrics")


@needs_prometheus
@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_values()])
def test_every_query_has_an_answer(prometheus: Prometheus, query: str) -> None:
    values = prometheus.query(query)
    assert values
    assert not any(map(math.isnan, values))


@needs_prometheus
def test_the_rules_are_loaded(prometheus: Prometheus) -> None:
    (group,) = prometheus.get("rules")["groups"]
    assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in RULES]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}  # not yet evaluated


@needs_prometheus
@pytest.mark.parametrize(
    "check",
    [
        ["check", "config", str(MONITORING / "prometheus.yml")],
        ["check", "rules", "--lint=all", "--lint-fatal", str(MONITORING / "alerts.yml")],
        ["test", "rules", str(REPO / "tests" / "stack" / "alerts_test.yml")],
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(check: list[str]) -> None:
    done = subprocess.run(["promtool", *check], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_shown_to_fire() -> None:
    tests = yaml.safe_load((REPO / "tests/stack/alerts_test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == {
        rule["alert"] for rule in RULES
    }


def test_the_dashboard_is_what_its_script_writes() -> None:
    assert dashboard.FILE.read_text("utf-8") == dashboard.text()


SPELLINGS = """
/metrics /metrics?a=b //metrics /./metrics /a/../metrics /%6Detrics /metrics/ /metrics%2F /metrics;a
/metrics%3Fa http://localhost/metrics
"""


@pytest.mark.parametrize("path", SPELLINGS.split())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nginx_does_not_publish_it(local: Stack, path: str, method: str) -> None:
    connection = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    error = json.loads(answer.read())
    connection.close()
    assert answer.status == 404
    assert error["success"] is False
    assert error["error"]["type"] == "not_found"
    assert error["error"]["request_id"] == answer.headers["X-Request-ID"]


def test_the_app_itself_has_it(local: Stack) -> None:
    text = requests.get(f"http://127.0.0.1:{local.environment['PORT']}/metrics", timeout=30).text
    assert 'inference_app_requests_total{error="",route="POST /predict",status="200"}' in text


def test_prometheus_finds_the_replicas_by_their_name_in_compose() -> None:
    (job,) = CONFIG["scrape_configs"]
    (names,) = job["dns_sd_configs"]
    app = COMPOSE["services"]["inference_app"]
    dockerfile = (REPO / app["build"]["dockerfile"]).read_text("utf-8")
    assert names["names"] == ["inference_app"]
    assert f"EXPOSE {names['port']}\n" in dockerfile
    assert set(app["networks"]) <= set(PROFILE["prometheus"]["networks"])


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_the_profile_is_hardened_and_for_this_machine_alone(name: str) -> None:
    service = PROFILE[name]
    assert COMPOSE["x-hardened"].items() <= service.items()
    assert service["mem_limit"]
    (port,) = service["ports"]
    assert re.fullmatch(r"\$\{[A-Z]+_PORT:-127\.0\.0\.1:\d+\}:\d+", port)


def mounted() -> list[str]:
    """Return the files and folders of ours that the profile's containers see."""
    volumes = [volume for service in PROFILE.values() for volume in service["volumes"]]
    return [volume for volume in volumes if volume.startswith("./")]


@pytest.mark.parametrize("volume", mounted())
def test_what_is_mounted_is_there_and_cannot_be_written(volume: str) -> None:
    source, _, mode = volume.split(":")
    assert (REPO / source).exists()
    assert mode == "ro"


def test_grafana_asks_that_prometheus_and_shows_that_dashboard() -> None:
    folder = MONITORING / "grafana"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    panels = json.loads(dashboard.FILE.read_text("utf-8"))["panels"]
    asked = {panel["datasource"]["uid"] for panel in panels if "targets" in panel}
    assert asked == {source["uid"]}
    (provider,) = yaml.safe_load((folder / "dashboards/dashboards.yml").read_text())["providers"]
    at = provider["options"]["path"]
    assert any(volume.endswith(f":{at}:ro") for volume in PROFILE["grafana"]["volumes"])
    home = PROFILE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{at}/{dashboard.FILE.name}"
    assert Path(dashboard.FILE).parent == folder / "dashboards"
