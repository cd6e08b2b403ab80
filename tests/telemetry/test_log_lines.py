"""What a running server writes while clients send what they should not."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.conftest import ESPRESSO, REPO
from tests.pool.test_gunicorn import CONFIG, MALFORMED
from tests.support.server import Server, environment, free_port, serving, wait_until

KEY = "not-for-the-log-0123456789"
CAPTION = "taken at home"
HOSTILE_PATHS = [
    b"/\x1b[2J", b"/\x9b2J", b"/%1b]0;x%07", b"/%0a%7b%22level%22:%22critical%22%7d",
    b"/%e2%80%a8x", b"/%e2%80%ae", b"/%ff%fe", b"/\xc2\x9b", b"/%ed%b2%80", b"/%00",
    b"/\x7f", b"/%f3%a0%80%81",
]  # fmt: skip


def photo_that_pillow_warns_of() -> bytes:
    """Return a JPEG whose EXIF has a text, and ends too early."""
    exif = Image.Exif()
    exif[0x010E] = CAPTION  # ImageDescription
    whole = exif.tobytes()
    file = BytesIO()
    with Image.open(ESPRESSO) as picture:
        picture.save(file, "JPEG", exif=whole[:-8])
    return file.getvalue()


def requests_to_send() -> list[bytes]:
    """Return requests, each for a connection of its own."""
    key = f"Host: a\r\nX-API-Key: {KEY}\r\n".encode()
    photo = photo_that_pillow_warns_of()
    post = b"POST /predict HTTP/1.1\r\n" + key + b"Content-Length: %d\r\n\r\n" % len(photo) + photo
    paths = [b"GET " + path + b" HTTP/1.1\r\n" + key + b"\r\n" for path in HOSTILE_PATHS]
    other = post.replace(b"/predict", b"/predict?format=%1b")
    return [*paths, *MALFORMED.values(), post, other, post.replace(KEY.encode(), b"\x1b[2J")]


def test_pillow_warns_of_the_photo() -> None:
    with pytest.warns(UserWarning, match="Truncated File Read"):
        Image.open(BytesIO(photo_that_pillow_warns_of())).close()


def test_each_request_is_one_line_without_controls_keys_and_pictures(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    settings = {"LOG_LEVEL": "debug", "API_KEYS_FILE": str(tmp_path / "keys")}
    to_send = requests_to_send()
    with serving(tmp_path, **settings) as server:
        for request in to_send:
            assert server.send(request).startswith(b"HTTP/1.1 ")
        lines = server.log(logger="inference_app.request")
    text = server.stdout.read_text("utf-8")
    assert len(lines) == len({line["request_id"] for line in lines}) == len(to_send)
    assert all(json.loads(line) and line.isprintable() for line in text.splitlines())
    assert KEY not in text
    assert CAPTION not in text
    assert not server.log(logger="py.warnings")
    assert server.stderr.read_bytes() == b""


def test_text_lines_hold_no_controls_either(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    port = free_port()
    settings = {"LOG_FORMAT": "text", "PORT": str(port), "WORKERS": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "inference_app", "serve"],
            env=environment(**settings),
            stdout=log,
            stderr=log,
        )
    try:
        server = Server(process, port, tmp_path / "log", tmp_path / "log")
        wait_until(lambda: "worker ready" in server.stdout.read_text(), "the worker is ready")
        for request in requests_to_send():
            server.send(request)
        requests.post(f"{server.url}/predict", ESPRESSO.read_bytes(), timeout=30)
    finally:
        process.terminate()
        process.wait(30)
    lines = (tmp_path / "log").read_bytes().decode().split("\n")
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("POST /predict 200 ") for line in lines) == 2
    assert any(line.endswith(" ms espresso") for line in lines)


def test_a_worker_that_cannot_boot_says_why_in_json(tmp_path: Path, model_folder: Path) -> None:
    with serving(tmp_path, MODEL_PATH=model_folder) as server:
        (model_folder / "model.bin").write_bytes(b"")
        os.kill(server.workers()[0], 9)
        wait_until(server.ended, "the server ends")
    assert [line for line in server.log(level="error") if "exception" in line]
    assert server.stderr.read_bytes() == b""


@pytest.mark.parametrize(("workers", "status"), [("2", 0), ("0", 1)])
def test_gunicorn_checks_the_configuration(workers: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", CONFIG, "--check-config"],
        env=environment(WORKERS=workers),
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert len(done.stderr.splitlines()) == status
    assert done.stderr.startswith("error: WORKERS must be" if status else "")
