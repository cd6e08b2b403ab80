"""The page's routes and files, through Flask's own client."""

import re
import tomllib

import pytest
from flask import Flask
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.web.page import FILES, FOLDER
from tests.conftest import REPO

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HTML = {"Accept": BROWSER}


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (BROWSER, "text/html"),
        ("text/html", "text/html"),
        ("text/html, text/plain;q=0.5", "text/html"),
        (None, "text/plain"),
        ("*/*", "text/plain"),
        ("text/*", "text/plain"),
        ("text/plain", "text/plain"),
        ("text/plain, text/html;q=0.9", "text/plain"),
        ("application/json", "text/plain"),
        ("", "text/plain"),
    ],
)
def test_the_page_is_for_who_prefers_html(
    client: FlaskClient, accept: str | None, mimetype: str
) -> None:
    answer = client.get("/", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    assert answer.headers["Vary"] == "Accept"
    assert ("<!doctype html>" in answer.text) == (mimetype == "text/html")


def test_the_page_says_what_it_may_do(client: FlaskClient) -> None:
    policy = client.get("/", headers=HTML).headers.getlist("Content-Security-Policy")
    (directives,) = [dict(part.split(" ", 1) for part in line.split("; ")) for line in policy]
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["img-src"] == "'self' blob:"


@pytest.mark.parametrize("path", ["/page/main.js", "/labels", "/nothing"])
def test_nothing_but_the_page_may_run_anything(client: FlaskClient, path: str) -> None:
    policy = client.get(path, headers=HTML).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "self" not in policy


def test_all_that_the_page_names_is_served_and_nothing_is_elsewhere(client: FlaskClient) -> None:
    text = client.get("/", headers=HTML).text
    named = set(re.findall(r'(?:src|href)="(.*?)"', text))
    named |= {f"page/{name}" for each in FILES if each.endswith(".js") for name in _imports(each)}
    assert named == {f"page/{name}" for name in FILES} | {"docs"}
    answers = [client.get(f"/{path}", buffered=True) for path in named]
    assert {answer.status_code for answer in answers} == {200}


def _imports(name: str) -> list[str]:
    return re.findall(r'^import .* from "\./(.*)";', FILES[name].decode(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("samples/orange.webp", "image/webp"),
    ],
)
def test_a_file_is_served_as_what_it_is(client: FlaskClient, name: str, content_type: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.data == (FOLDER / name).read_bytes()
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/labels"])
def test_what_has_not_changed_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path, headers=HTML)
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(path, headers=HTML | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(path, headers=HTML | {"If-None-Match": '"other"'})
    assert other.data == first.data


@pytest.mark.parametrize(
    "name", ["", "nothing", "__init__.py", "index.html", "../routes.py", "%2e%2e/routes.py"]
)
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["error"]["type"] == "not_found"


def test_the_labels_are_those_of_the_model(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/labels").json
    assert answer is not None
    assert answer["model"] == "resnet-tiny-imagenet"
    assert len(answer["labels"]) == 200
    assert answer["labels"][0] == {
        "class_id": "n01443537",
        "label": "goldfish, Carassius auratus",
    }


def test_the_labels_come_with_the_model(settings: Settings) -> None:
    assert create_app(settings).test_client().get("/labels").status_code == 503


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("samples/")))
def test_a_sample_shows_what_it_is_called(client: FlaskClient, name: str) -> None:
    answer = client.post("/upload", data=FILES[name]).json
    assert answer is not None
    assert name == f"samples/{answer['class_name']}.webp"


def test_all_files_are_installed_with_the_package() -> None:
    setuptools = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "inference_app.web.page" in setuptools["packages"]
    patterns = setuptools["package-data"]["inference_app.web.page"]
    installed = {path for pattern in patterns for path in FOLDER.glob(pattern)}
    assert {FOLDER / name for name in [*FILES, "index.html"]} <= installed
