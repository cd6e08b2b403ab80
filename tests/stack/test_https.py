"""HTTPS at NGINX: what is encrypted, what is redirected, what is refused."""

import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.conftest import REPO
from tests.stack.fronted import Fronted
from tests.stack.running import clean_environment
from tests.support.server import free_port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings for a self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    crt, key = str(folder / "crt.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", crt], check=True, capture_output=True)
    return {"TLS_CERTIFICATE": crt, "TLS_KEY": key}


def test_a_named_certificate_turns_https_on(
    make_fronted: Callable[..., Fronted], certificate: dict[str, str], espresso: bytes
) -> None:
    port, crt = free_port(), certificate["TLS_CERTIFICATE"]
    make_fronted(TLS_PORT=str(port), **certificate)
    response = requests.post(f"https://localhost:{port}/predict", espresso, verify=crt, timeout=30)
    assert response.status_code == 200
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")
    context = ssl.create_default_context(cafile=crt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        context.wrap_socket(connection, server_hostname="localhost").close()


@pytest.mark.parametrize(
    ("published", "authority"),
    [("", "localhost"), ("443", "localhost"), ("8443", "localhost:8443")],
)
def test_plain_http_is_redirected_to_the_port_that_clients_use(
    make_fronted: Callable[..., Fronted],
    certificate: dict[str, str],
    published: str,
    authority: str,
) -> None:
    port = free_port()
    stack = make_fronted(TLS_PORT=str(port), HTTPS_PORT=published, **certificate)
    for plain in (stack.port, port):
        url = f"http://localhost:{plain}"
        response = requests.post(f"{url}/predict?a=%20", allow_redirects=False, timeout=30)
        assert response.status_code == 308
        assert response.headers["Location"] == f"https://{authority}/predict?a=%20"
    assert requests.get(f"{stack.url}/readyz", allow_redirects=False, timeout=30).ok


def test_a_health_check_without_tls_is_told_that_there_is_no_app(
    make_fronted: Callable[..., Fronted], certificate: dict[str, str]
) -> None:
    stack = make_fronted(TLS_PORT=str(free_port()), **certificate)
    stack.app.process.terminate()
    stack.app.process.wait(timeout=30)
    response = requests.get(f"{stack.url}/readyz", allow_redirects=False, timeout=30)
    assert response.status_code == 502


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TLS_KEY": ""}, "TLS_CERTIFICATE is set, TLS_KEY is not"),
        ({"TLS_KEY": "/nowhere"}, "cannot read /nowhere"),
        ({"TLS_KEY": "/etc/hostname"}, "cannot load certificate key"),
    ],
)
def test_a_key_that_cannot_be_used_is_one_clear_line(
    certificate: dict[str, str], tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    settings = {"NGINX_PORT": str(free_port()), "TLS_PORT": str(free_port())}
    environment = clean_environment(**(settings | certificate | change))
    command = ["nginx/start.sh", str(tmp_path)]
    run = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: ")
    assert reason in line
