"""What is counted, and that the counts of all workers, the dead ones too, come out right."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.version import __version__
from tests.support.server import Server, serving, wait_until

STAGES = ("read", "queue", "decode", "infer", "total")


class Metrics:
    """What a scrape says; a series that is not there is 0."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float:
        """Return the sum over the series that have these labels."""
        samples = [each for family in self.families.values() for each in family.samples]
        return sum(
            each.value
            for each in samples
            if each.name == f"inference_app_{name}" and labels.items() <= each.labels.items()
        )


def scrape(server: Server | FlaskClient) -> Metrics:
    """Return the metrics of a server, or of an app in this process."""
    if isinstance(server, Server):
        return Metrics(requests.get(f"{server.url}/metrics", timeout=30).text)
    return Metrics(server.get("/metrics").text)


def growth(before: Metrics, after: Metrics, name: str, **labels: str) -> float:
    return after.value(name, **labels) - before.value(name, **labels)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), THREADS="8") as server:
        yield server


def test_a_prediction_is_counted_once_in_every_stage(client: FlaskClient, espresso: bytes) -> None:
    before = scrape(client)
    client.post("/predict", data=espresso)
    after = scrape(client)
    answered = {"route": "POST /predict", "status": "200", "error": ""}
    assert growth(before, after, "requests_total", **answered) == 1
    for stage in STAGES:
        assert growth(before, after, "stage_seconds_count", stage=stage) == 1
        assert 0 < growth(before, after, "stage_seconds_sum", stage=stage) < 30
    assert growth(before, after, "batch_pictures_count") == 1
    assert growth(before, after, "batch_pictures_sum") == 1


def test_a_refusal_is_counted_by_its_reason(client: FlaskClient) -> None:
    before = scrape(client)
    client.post("/upload", data=b"text")
    after = scrape(client)
    refused = {"route": "POST /upload", "status": "415", "error": "unsupported_picture"}
    assert growth(before, after, "requests_total", **refused) == 1
    assert growth(before, after, "requests_total") == 2  # with the scrape before
    assert growth(before, after, "batch_pictures_count") == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/x1"), ("BREW", "/x2"), ("BREW", "/predict")]
)
def test_strangers_make_no_new_series(client: FlaskClient, method: str, path: str) -> None:
    before = scrape(client)
    client.open(path, method=method)
    after = scrape(client)
    assert growth(before, after, "requests_total", route="unknown") == 1
    assert "BREW" not in client.get("/metrics").text


def test_who_is_not_let_in_has_no_times(client: FlaskClient) -> None:
    before = scrape(client)
    client.get("/livez")
    client.post("/predict?top_k=none", data=b"")
    after = scrape(client)
    assert growth(before, after, "requests_total", route="GET /livez") == 1
    assert growth(before, after, "stage_seconds_count") == 0


def test_it_is_there_before_the_model_is_and_without_a_key(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text("a-key-of-24-characters-1\n")
    loading = create_app(replace(settings, api_keys_file=file))
    response = loading.test_client().get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=")


def test_a_client_may_ask_for_openmetrics(app: Flask) -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    response = app.test_client().get("/metrics", headers=accept)
    assert response.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert response.text.endswith("# EOF\n")


def test_the_sums_are_over_all_workers(server: Server, espresso: bytes) -> None:
    def post(_: int) -> int:
        return requests.post(f"{server.url}/predict", data=espresso, timeout=30).status_code

    before = scrape(server)
    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(post, range(60))) == [200] * 60
    assert {line["pid"] for line in server.log(path="/predict")} == set(server.workers())
    for _ in range(10):  # whichever worker answers
        after = scrape(server)
        assert growth(before, after, "requests_total", route="POST /predict", status="200") == 60
        assert growth(before, after, "batch_pictures_sum") == 60
        for stage in STAGES:
            assert growth(before, after, "stage_seconds_count", stage=stage) == 60
        assert after.value("requests_in_flight") == after.value("pictures_waiting") == 0


def test_it_says_what_is_served_and_by_how_many(server: Server, classifier: Classifier) -> None:
    model = classifier.model
    said = scrape(server)
    assert said.value("workers") == 2
    assert said.value("requests_in_flight_limit") == 12  # three quarters of two times 8 threads
    assert said.value("worker_restarts_total") == 0
    (info,) = said.families["inference_app_model_info"].samples
    assert info.value == 1
    assert info.labels == {
        "name": model.name,
        "hash": model.digest,
        "revision": model.manifest["source"]["revision"],
        "precision": model.precision,
        "version": __version__,
    }


def counting_folder(server: Server) -> Path:
    """Return the folder that the workers count in."""
    environ = Path(f"/proc/{server.workers()[-1]}/environ").read_bytes().decode().split("\0")
    name = "PROMETHEUS_MULTIPROC_DIR="
    (folder,) = [line.removeprefix(name) for line in environ if line.startswith(name)]
    return Path(folder)


def begin(server: Server, stack: ExitStack) -> None:
    """Send the beginning of an upload: a request that stays in flight."""
    connection = stack.enter_context(server.connect())
    connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")


def test_workers_that_are_killed_lose_no_counts_and_leave_nothing(
    tmp_path: Path, espresso: bytes
) -> None:
    with serving(tmp_path) as server, ExitStack() as stalled:
        for _ in range(20):
            assert requests.post(f"{server.url}/predict", data=espresso, timeout=30).ok
        folder = counting_folder(server)
        files = {file.name for file in folder.iterdir()}
        for times in range(1, 4):
            begin(server, stalled)
            wait_until(lambda: scrape(server).value("requests_in_flight") == 1, "it is in flight")
            for pid in server.workers()[-2:]:
                os.kill(pid, signal.SIGKILL)
            ready = 2 + 2 * times
            wait_until(lambda ready=ready: len(server.workers()) == ready, "others are ready")  # type: ignore[misc]
            after = scrape(server)
            assert after.value("requests_total", route="POST /predict", status="200") == 20
            assert after.value("stage_seconds_count", stage="infer") == 20
            assert after.value("requests_in_flight") == 0
            assert after.value("workers") == 2
            assert after.value("worker_restarts_total") == 2 * times
        requests.post(f"{server.url}/predict", data=espresso, timeout=30)
        assert scrape(server).value("requests_total", route="POST /predict", status="200") == 21
        assert {file.name for file in folder.iterdir()} == files
    assert not folder.exists()


def test_a_full_server_exposes_that_it_is_full(tmp_path: Path, espresso: bytes) -> None:
    with serving(tmp_path, THREADS="4", WORKERS="1") as server, ExitStack() as stalled:
        for _ in range(3):
            begin(server, stalled)
        wait_until(lambda: scrape(server).value("requests_in_flight") == 3, "they are in flight")
        response = requests.post(f"{server.url}/predict", data=espresso, timeout=30)
        assert response.status_code == 503
        after = scrape(server)
        assert after.value("requests_in_flight") == after.value("requests_in_flight_limit") == 3
        assert after.value("requests_total", status="503", error="overloaded") == 1
