"""The whole stack as ./run_local.sh starts it: NGINX, Gunicorn, Flask, the bundled model."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import ESPRESSO, encode
from tests.stack.load import Load
from tests.stack.running import Stack, answers, clean_environment
from tests.support.contracts import CONTRACTS, Contract
from tests.support.server import free_port, wait_until

Start = Callable[..., Stack]


def workers(stack: Stack) -> list[int]:
    """Return the process ids of Gunicorn's workers, from the lines they wrote when ready."""
    lines = [line for line in stack.output.read_text().splitlines() if "worker ready" in line]
    pids = [int(json.loads(line)["pid"]) for line in lines]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_it_prints_a_first_prediction_and_where_the_page_is(local: Stack) -> None:
    output, url = local.output.read_text(), local.url.replace("127.0.0.1", "localhost")
    assert '"label":"espresso"' in output
    assert f"page:    {url}/\n" in output
    assert f"curl -F image=@post_request/images/espresso.jpg {url}/predict\n" in output


def test_it_says_that_the_model_is_a_demonstration(local: Stack) -> None:
    output = local.output.read_text()
    assert "bundled demonstration model: 200 classes, right about half the time" in output
    assert "MODEL_ID=microsoft/resnet-50 ./run_local.sh" in output


def test_only_this_machine_reaches_it(local: Stack) -> None:
    port = int(local.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=30)


def test_http_host_names_another_address(start_local: Start, local: Stack) -> None:
    stack = start_local(local.checkout, HTTP_HOST="127.0.0.2")
    url = stack.url.replace("127.0.0.1", "127.0.0.2")
    assert f"page:    {url.replace('127.0.0.2', 'localhost')}/" not in stack.output.read_text()
    assert f"page:    {url}/" in stack.output.read_text()
    assert answers(url)
    assert not answers(stack.url)


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
        assert ready.json() == {"status": "ready", "model": "my-resnet"}


def test_ctrl_c_stops_all_of_it(start_local: Start, local: Stack) -> None:
    stack = start_local(local.checkout)
    pids = workers(stack)
    assert stack.process
    os.killpg(stack.process.pid, signal.SIGINT)
    assert stack.process.wait(timeout=60) == 130
    assert not answers(stack.url)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stopping_loses_no_request(start_local: Start, local: Stack, stop: signal.Signals) -> None:
    stack = start_local(local.checkout, WORKERS="1", INFERENCE_THREADS="1")
    noise = np.random.default_rng(0).integers(0, 256, (2500, 3000, 3), dtype=np.uint8)
    picture = encode(Image.fromarray(noise), compress_level=1)
    sent = threading.Barrier(9)  # eight clients and this test

    def chunks() -> Iterator[bytes]:
        yield from (picture[at : at + 65536] for at in range(0, len(picture), 65536))
        sent.wait(timeout=60)

    def post() -> int:
        return requests.post(f"{stack.url}/predict", data=chunks(), timeout=60).status_code

    with ThreadPoolExecutor(8) as clients:
        answered = [clients.submit(post) for _ in range(8)]
        sent.wait(timeout=60)
        assert stack.process
        stack.process.send_signal(stop)
        assert [each.result() for each in answered] == [200] * 8
    assert stack.process.wait(timeout=60) == 128 + stop
    assert not answers(stack.url)


def test_one_port_for_both_servers_is_one_clear_line(local: Stack) -> None:
    port = str(free_port())
    environment = clean_environment(HTTP_PORT=port, PORT=port)
    run = subprocess.run(
        ["./run_local.sh"], cwd=local.checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: HTTP_PORT and PORT are both {port}")


@pytest.mark.parametrize("name", ["HTTP_PORT", "PORT"])
def test_a_port_in_use_is_one_clear_line(local: Stack, name: str) -> None:
    ports = {"HTTP_PORT": str(free_port()), "PORT": str(free_port())}
    ports[name] = local.environment[name]
    environment = clean_environment(**ports)
    run = subprocess.run(
        ["./run_local.sh"], cwd=local.checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.strip().startswith(f"error: port {ports[name]} is in use")
    assert name in run.stderr


def test_a_bad_setting_is_one_clear_line(local: Stack) -> None:
    environment = clean_environment(
        HTTP_PORT=str(free_port()), PORT=str(free_port()), WORKERS="many"
    )
    run = subprocess.run(
        ["./run_local.sh"], cwd=local.checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "error: WORKERS must be a whole number from 1 to 256, not 'many'" in run.stderr
    assert "Traceback" not in run.stderr


def test_without_nginx_gunicorn_serves_alone(local: Stack, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")  # not root: nothing is installed
    (tmp_path / "id").chmod(0o755)
    environment = clean_environment(HTTP_PORT=str(port))
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}:/usr/sbin"
    # In a mount namespace of its own there is no NGINX.
    script = 'mount --bind /dev/null "$(command -v nginx)" && exec ./run_local.sh'
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script],
            cwd=local.checkout,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url), (tmp_path / "log").read_text, within=60)
            answer = requests.get(url, timeout=30)
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert answer.headers["Server"] == "gunicorn"
    assert "there is no NGINX" in (tmp_path / "log").read_text()
