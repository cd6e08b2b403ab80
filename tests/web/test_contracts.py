"""The contracts with the systems that this one replaces, over the socket of a real server."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from tests.conftest import ESPRESSO, REPO, SAMPLES, encode, gradient
from tests.model.test_image import png_header
from tests.support.contracts import CONTRACTS, Contract
from tests.support.server import Server, environment, serving

MODEL = prepared.read(BUNDLED_MODEL)
REASONS = {
    "no picture": (b"", 400, "bad_request"),
    "text": (b"text", 415, "unsupported_picture"),
    "truncated": (ESPRESSO.read_bytes()[:5000], 422, "damaged_picture"),
    "too many pixels": (png_header(30_000, 30_000), 413, "too_large"),
    "too long an edge": (png_header(65_536, 1), 413, "too_large"),
    "too many bytes": (b"\xff" * 2_000_000, 413, "too_large"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), MAX_UPLOAD_MB="1", LOG_LEVEL="debug") as server:
        yield server
        assert server.stderr.read_text() == ""
        assert not server.log(level="error")


def post(server: Server, **sent: Any) -> requests.Response:
    """Post to /predict."""
    return requests.post(f"{server.url}/predict", timeout=30, **sent)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_client_of_an_older_system_works_unchanged(server: Server, contract: Contract) -> None:
    response = contract.call(server.url)
    assert response.status_code == 200
    assert contract.check(response)
    assert response.headers["X-Model"] == "resnet-tiny-imagenet"
    assert response.headers["X-Request-ID"]
    assert "total;dur=" in response.headers["Server-Timing"]


def test_chunks_that_are_no_chunks_are_the_client_s_fault(server: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    response = server.send(head + b"not a size\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"chunks are not valid HTTP" in response


@pytest.mark.parametrize("host", ["pictures.example:8080", "[::1]:8080", "xn--a"])
def test_the_greeting_goes_by_any_host(server: Server, host: str) -> None:
    response = requests.get(server.url, headers={"Host": host}, timeout=30)
    assert f"http://{host}/predict" in response.text


def test_the_response_to_an_older_system_is_the_same_to_the_byte(server: Server) -> None:
    response = post(server, files={"image": ESPRESSO.read_bytes()})
    assert response.text.startswith(
        r'{"success":true,"response":{"statusCode":200,"body":"\"espresso\""}'
    )


def test_the_client_script_prints_the_response(server: Server) -> None:
    script = REPO / "post_request" / "post_request.py"
    done = subprocess.run(
        [sys.executable, script, ESPRESSO, "--url", server.url],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()[:2]
    assert first == f"Checking results for {ESPRESSO}"
    assert "espresso" in second


def test_a_loop_over_a_folder_works(server: Server) -> None:
    for path in sorted(SAMPLES.glob("*.[jpw]*g*")):
        with path.open("rb") as file:
            response = post(server, files={"image": file})
        label = json.loads(response.json()["response"]["body"])
        assert label.split(",")[0].replace(" ", "_") == path.stem


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("content_type", [None, "image/jpeg", "application/x-www-form-urlencoded"])
def test_the_picture_may_be_the_body(
    server: Server, espresso: bytes, content_type: str | None, chunked: bool
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    parts = iter([espresso[:1000], espresso[1000:]])
    response = post(server, data=parts if chunked else espresso, headers=headers)
    assert response.json()["response"]["body"] == '"espresso"'


def test_json_may_hold_the_picture(server: Server, espresso: bytes) -> None:
    body = {"image": base64.b64encode(espresso).decode()}
    response = post(server, json=body, params={"top_k": 5}).json()
    assert response["predictions"][0]["label"] == "espresso"
    assert len(response["predictions"]) == 5


def test_a_request_may_hold_several_pictures(server: Server, espresso: bytes) -> None:
    png = encode(gradient())
    response = post(server, files=[("image", espresso), ("image", png), ("image", espresso)]).json()
    assert response["results"][0] == response["results"][2] != response["results"][1]


@pytest.mark.parametrize(("body", "status", "kind"), REASONS.values(), ids=REASONS)
def test_a_failure_has_its_status_and_the_one_shape(
    server: Server, body: bytes, status: int, kind: str
) -> None:
    response = post(server, data=body, headers={"X-Request-ID": f"failure-{kind}"})
    assert response.status_code == status
    assert response.json()["success"] is False
    error = response.json()["error"]
    assert (error["type"], error["request_id"]) == (kind, f"failure-{kind}")
    assert set(error) == {"type", "message", "request_id"}


def test_a_body_of_unknown_length_may_not_be_too_long(server: Server) -> None:
    picture = encode(gradient()) + bytes(2_000_000)
    response = post(server, data=iter([picture[:1000], picture[1000:]]))
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/livez", {"status": "alive"}),
        ("/readyz", {"status": "ready", "model": MODEL.name, "model_hash": MODEL.digest}),
    ],
)
def test_the_probes_answer(server: Server, path: str, body: dict[str, str]) -> None:
    response = requests.get(server.url + path, timeout=30)
    assert (response.status_code, response.json()) == (200, body)


def test_the_log_has_a_line_for_each_request(server: Server, espresso: bytes) -> None:
    response = post(server, files={"image": espresso}, headers={"X-Request-ID": "mine.1"})
    assert response.headers["X-Request-ID"] == "mine.1"
    (line,) = server.log(request_id="mine.1")
    assert (line["path"], line["status"], line["pictures"]) == ("/predict", 200, 1)
    assert line["pid"] in server.workers()
    assert set(line["ms"]) == {"read", "decode", "queue", "infer", "total"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_the_log_line_of_a_failure_says_why(server: Server) -> None:
    response = post(server, data=b"text")
    (line,) = server.log(request_id=response.headers["X-Request-ID"])
    assert (line["status"], line["error"]) == (415, "unsupported_picture")


def test_a_strange_address_does_not_break_the_log(server: Server) -> None:
    strange = "/%0a%22%7b%7d%00%f0%9f%90%88%ff%e2%80%a8"
    response = requests.get(server.url + strange, timeout=30)
    assert response.status_code == 404
    (line,) = server.log(request_id=response.headers["X-Request-ID"])
    assert line["path"].startswith('/\n"{}\0\N{CAT}')


def test_connections_are_closed_after_the_response(server: Server) -> None:
    assert requests.get(server.url, timeout=30).headers["Connection"] == "close"
