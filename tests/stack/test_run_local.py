"""./run_local.sh itself: what it prints, where it listens, how it stops, why it does not start."""

import os
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

from tests.conftest import encode
from tests.stack.running import Stack, answers, clean_environment, workers
from tests.support.server import free_port, wait_until

Start = Callable[..., Stack]


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
