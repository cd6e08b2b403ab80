"""The rules by which NGINX retries, asked with the examples in nginx/retries.txt."""

import re
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import REPO
from tests.support.server import free_port, wait_until

TEMPLATE = (REPO / "nginx/templates/inference_app.conf.template").read_text("utf-8")
EXAMPLES = [
    [cell.strip() for cell in line.split("|")]
    for line in (REPO / "nginx/retries.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
CONFIG = """\
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    %s
    server {
        listen 127.0.0.1:%d;
        location / { return 200 "$give_up"; }
    }
}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run NGINX with the template's map, which takes its input from a header here."""
    rules = re.search(r"^map \"(addresses=.*?)\" \$give_up \{.*?^\}$", TEMPLATE, re.M | re.S)
    assert rules
    folder, port = tmp_path_factory.mktemp("retries"), free_port()
    asked = rules[0].replace(f'"{rules[1]}"', "$http_tries")
    (folder / "nginx.conf").write_text(CONFIG % (asked, port))
    command = ["/usr/sbin/nginx", "-e", "stderr", "-p", str(folder), "-c", "nginx.conf"]
    nginx = subprocess.Popen(command)
    try:
        wait_until(lambda: listens(f"http://127.0.0.1:{port}"), "NGINX answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.terminate()
        nginx.wait(30)


def listens(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("addresses", "connects", "statuses", "outcome"),
    [example[:4] for example in EXAMPLES],
    ids=[f"{example[3]}: {example[4]}" for example in EXAMPLES],
)
def test_what_it_does(url: str, addresses: str, connects: str, statuses: str, outcome: str) -> None:
    tries = f"addresses={addresses} connects={connects} statuses={statuses}"
    assert (requests.get(url, headers={"tries": tries}, timeout=30).text or "retry") == outcome


def test_every_outcome_has_an_example() -> None:
    assert {example[3] for example in EXAMPLES} == {"retry", "502", "503", "504"}
