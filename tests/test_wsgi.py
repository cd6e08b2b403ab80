"""The app under servers that are not configured here: its first request loads the model."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.server import environment, free_port, wait_until

GUNICORN = ["gunicorn", "inference_app.wsgi:app", "--control-socket", "", "--bind"]
SERVERS = {
    "gunicorn": [*GUNICORN, "127.0.0.1:{port}"],
    "gunicorn with a parent that imports the app": [
        *GUNICORN,
        "127.0.0.1:{port}",
        "--preload",
        "--workers=2",
    ],
    "flask": ["flask", "--app", "inference_app.wsgi", "run", "--port", "{port}"],
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_other_servers_serve(command: list[str], tmp_path: Path, espresso: bytes) -> None:
    port = free_port()
    words = [word.format(port=port) for word in command]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment(), cwd=tmp_path, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=30).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(answers, lambda: (tmp_path / "log").read_text())
        for _ in range(4):
            response = requests.post(f"{url}/predict", espresso, timeout=30)
            assert response.json()["response"]["body"] == '"espresso"'
    finally:
        process.terminate()
        process.wait(30)
