"""The whole stack as ./run_local.sh starts it: NGINX, Gunicorn, Flask, the bundled model."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.conftest import ESPRESSO
from tests.stack.load import Load
from tests.stack.running import Stack, clean_environment, workers
from tests.support.contracts import CONTRACTS, Contract
from tests.support.readme import commands
from tests.support.server import free_port, wait_until

Start = Callable[..., Stack]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_client_is_answered_through_nginx(local: Stack, contract: Contract) -> None:
    answer = contract.call(local.url)
    assert answer.status_code == 200
    assert answer.headers["Server"] == "nginx"
    assert contract.check(answer), answer.text


def test_an_id_goes_all_the_way_and_comes_back_once(local: Stack) -> None:
    answer = requests.get(local.url, headers={"X-Request-ID": "my-id.1"}, timeout=30)
    assert answer.headers["X-Request-ID"] == "my-id.1"
    logged = [line for line in local.output.read_text().splitlines() if "my-id.1" in line]
    assert json.loads(logged[0])["status"] == 200


def test_a_hostile_id_is_replaced(local: Stack) -> None:
    answer = requests.get(local.url, headers={"X-Request-ID": 'x"}{'}, timeout=30)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_a_prediction_says_how_long_each_stage_took(local: Stack) -> None:
    answer = requests.post(f"{local.url}/predict", data=ESPRESSO.read_bytes(), timeout=30)
    stages = re.findall(r"(\w+);dur=[\d.]+", answer.headers["Server-Timing"])
    assert stages == ["read", "queue", "decode", "infer", "total"]


def raw(stack: Stack, request: bytes) -> tuple[int, bytes]:
    """Send bytes; return the status and the body that come back."""
    port = int(stack.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


TOO_LONG = b"a" * 40_000
HOST = b"\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /predict HTTP/1.1" + HOST + b"Content-Length: x\r\n\r\n", 400),
        (b"GET /" + TOO_LONG + b" HTTP/1.1" + HOST + b"\r\n", 414),
        (b"GET / HTTP/1.1" + HOST + b"X-Long: " + TOO_LONG + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_nginx_words_its_own_errors_as_the_app_does(
    local: Stack, request_bytes: bytes, status: int
) -> None:
    answered, body = raw(local, request_bytes)
    assert answered == status
    error = json.loads(body)
    assert error["success"] is False
    assert sorted(error["error"]) == ["message", "request_id", "type"]


def test_a_body_that_is_too_large_is_refused_in_json(local: Stack) -> None:
    answer = requests.post(f"{local.url}/predict", data=bytes(33 * 1024 * 1024), timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "too_large"
    assert "32 MB" in answer.json()["error"]["message"]


def test_an_app_that_is_away_is_an_error_in_json(tmp_path: Path) -> None:
    port = free_port()
    environment = clean_environment(NGINX_PORT=str(port), PORT=str(free_port()))
    tmp_path.chmod(0o755)
    nginx = subprocess.Popen(["nginx/start.sh", str(tmp_path)], env=environment)
    try:
        wait_until(lambda: _listens(port), lambda: "NGINX did not start", within=30)
        answer = requests.get(f"http://127.0.0.1:{port}/", timeout=30)
    finally:
        nginx.terminate()
        nginx.wait(timeout=30)
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "unavailable"
    assert answer.headers["Retry-After"] == "1"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_no_request_is_lost_when_workers_are_killed(local: Stack) -> None:
    with Load(local.url, clients=4) as load:
        for _ in range(5):
            load.wait_for(40)
            os.kill(workers(local)[0], signal.SIGKILL)
            wait_until(lambda: len(workers(local)) == 2, local.output.read_text, within=60)
        load.wait_for(40)
    assert load.outcomes[200] >= 240
    assert load.failures == {}


def test_a_prepared_folder_is_served(start_local: Start, local: Stack) -> None:
    folder = local.checkout / "inference_app" / "bundled"
    stack = start_local(local.checkout, MODEL_ID=str(folder))
    assert '"label":"espresso"' in stack.output.read_text()


def test_a_model_of_ones_own_is_prepared_once(
    start_local: Start, make_checkout: Callable[[], Path], resnet_source: Path
) -> None:
    checkout = make_checkout()
    for times in ("first", "second"):
        stack = start_local(checkout, MODEL_ID=str(resnet_source))
        prepared = "Prepared models/my-resnet" in stack.output.read_text()
        assert prepared == (times == "first"), stack.output.read_text()
        ready = requests.get(f"{stack.url}/readyz", timeout=30)
        assert ready.json()["model"] == "my-resnet"
    (line,) = commands("docs/models.md")["With torch, and on GPUs"]
    assert line == "ENGINE=torch MODEL_ID=microsoft/resnet-50 ./run_local.sh"
    stack = start_local(checkout, MODEL_ID=str(resnet_source), ENGINE="torch")
    manifest = json.loads((checkout / "models/my-resnet/manifest.json").read_text())
    assert manifest["engine"] == "torch"
    assert "LABEL_" in stack.output.read_text()
