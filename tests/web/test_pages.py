"""The routes and files of what browsers get, through Flask's own client."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model import prepared
from inference_app.web.pages import FOLDER, FROM_SWAGGER_UI, PAGE, SWAGGER, TYPES
from tests.conftest import REPO

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HTML = {"Accept": BROWSER}
FILES = {
    path.relative_to(PAGE).as_posix(): path.read_bytes()
    for path in PAGE.rglob("*.*")
    if path.suffix in TYPES
}


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
        ("application/json", "application/json"),
        ("", "text/plain"),
    ],
)
def test_the_page_is_for_clients_that_prefer_html(
    client: FlaskClient, accept: str | None, mimetype: str
) -> None:
    response = client.get("/", headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, mimetype)
    assert response.headers["Vary"] == "Accept"
    assert ("<!doctype html>" in response.text) == (mimetype == "text/html")


@pytest.mark.parametrize(("path", "images"), [("/", "'self' blob:"), ("/docs", "'self' data:")])
def test_a_document_says_what_it_may_do(client: FlaskClient, path: str, images: str) -> None:
    policy = client.get(path, headers=HTML).headers.getlist("Content-Security-Policy")
    (directives,) = [dict(part.split(" ", 1) for part in line.split("; ")) for line in policy]
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["img-src"] == images
    assert (directives.get("require-trusted-types-for") == "'script'") == (path == "/")


@pytest.mark.parametrize(
    "path", ["/page/main.js", "/docs/start.js", "/labels", "/nothing", "/page/nothing.js"]
)
def test_nothing_but_a_document_may_run_anything(client: FlaskClient, path: str) -> None:
    policy = client.get(path, headers=HTML, buffered=True).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "self" not in policy


def test_all_that_the_page_names_is_served_and_nothing_is_elsewhere(client: FlaskClient) -> None:
    text = client.get("/", headers=HTML).text
    named = set(re.findall(r'(?:src|href)="(.*?)"', text))
    named |= {f"page/{name}" for each in FILES if each.endswith(".js") for name in _imports(each)}
    assert named == {f"page/{name}" for name in FILES} | {"docs"}
    assert {client.get(f"/{path}", buffered=True).status_code for path in named} == {200}


def test_all_that_docs_name_is_served_and_nothing_is_elsewhere(client: FlaskClient) -> None:
    named = set(re.findall(r'(?:src|href)="(.*?)"', client.get("/docs").text))
    own = {path.name for path in SWAGGER.iterdir() if path.suffix in TYPES}
    files = {f"docs/{name}" for name in (*own, *FROM_SWAGGER_UI)}
    assert named == files | {"page/icon.svg", "openapi.json", "./"}
    assert {client.get(f"/{path}", buffered=True).status_code for path in named - {"./"}} == {200}


def _imports(name: str) -> list[str]:
    return re.findall(r'^import .* from "\./(.*)";', FILES[name].decode(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml; charset=utf-8"),
        ("samples/orange.webp", "image/webp"),
    ],
)
def test_a_file_is_served_as_what_it_is(client: FlaskClient, name: str, content_type: str) -> None:
    response = client.get(f"/page/{name}", buffered=True)
    assert response.data == FILES[name]
    assert response.headers["Content-Type"] == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/page/main.js", "/docs", "/docs/start.js", "/docs/swagger-ui.css", "/labels"]
)
def test_what_has_not_changed_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path, headers=HTML, buffered=True)
    assert first.headers["Cache-Control"] == "no-cache"
    known = HTML | {"If-None-Match": first.headers["ETag"]}
    again = client.get(path, headers=known, buffered=True)
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(path, headers=HTML | {"If-None-Match": '"other"'}, buffered=True)
    assert other.data == first.data


@pytest.mark.parametrize("folder", ["page", "docs"])
@pytest.mark.parametrize(
    "name",
    [
        "", "nothing", "nothing.js", "index.html", "LICENSE", "../routes.py", "%2e%2e/routes.py",
        "../page/main.py", "..%2fpages.py", "swagger-ui.js", "samples", "a\0.js",
    ],
)  # fmt: skip
def test_no_other_file_is_served(client: FlaskClient, folder: str, name: str) -> None:
    response = client.get(f"/{folder}/{name}")
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["error"]["type"] == "not_found"


def test_the_page_tells_the_limits_of_this_server(settings: Settings) -> None:
    formats = ("GIF", "WEBP")
    mine = replace(settings, picture_formats=formats, max_upload_mb=7, max_megapixels=9)
    text = create_app(mine).test_client().get("/", headers=HTML).text
    assert 'data-max-mb="7" data-max-megapixels="9"' in text
    assert text.count('accept="image/gif,image/webp"') == 2
    assert "GIF, WebP; up to 7 MB and 9 megapixels each" in text


def test_the_bundled_model_is_called_a_demonstration(
    client: FlaskClient, settings: Settings, model_folder: Path
) -> None:
    assert "demonstration" in client.get("/", headers=HTML).text
    copy = create_app(replace(settings, model_path=model_folder)).test_client()
    assert "demonstration" in copy.get("/", headers=HTML).text
    manifest = prepared.read_manifest(model_folder)
    del manifest["bundled"]
    other = model_folder.parent / "other"
    other.mkdir()
    prepared.write_json(other / "manifest.json", manifest)
    own = create_app(replace(settings, model_path=other)).test_client()
    assert "demonstration" not in own.get("/", headers=HTML).text


def test_the_page_s_commands_are_those_of_the_readme(client: FlaskClient) -> None:
    commands = re.findall(r"<code>(MODEL_ID=.*)</code>", client.get("/", headers=HTML).text)
    assert len(commands) == 2
    assert all(command in (REPO / "README.md").read_text("utf-8") for command in commands)


def test_the_labels_are_those_of_the_model(app: Flask, client: FlaskClient) -> None:
    response = client.get("/labels").json
    assert response is not None
    assert response["model"] == "resnet-tiny-imagenet"
    assert response["bundled"] is True
    assert len(response["labels"]) == 200
    assert response["labels"][0] == {
        "class_id": "n01443537",
        "label": "goldfish, Carassius auratus",
    }


def test_the_labels_come_with_the_model(settings: Settings) -> None:
    assert create_app(settings).test_client().get("/labels").status_code == 503


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("samples/")))
def test_a_sample_shows_what_it_is_called(client: FlaskClient, name: str) -> None:
    response = client.post("/upload", data=FILES[name]).json
    assert response is not None
    assert name == f"samples/{response['class_name']}.webp"


def test_all_files_are_installed_with_the_package() -> None:
    setuptools = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = setuptools["package-data"]["inference_app.web"]
    installed = {path for pattern in patterns for path in FOLDER.glob(pattern)}
    held = {path for folder in (PAGE, SWAGGER) for path in folder.rglob("*.*")}
    assert {path for path in held if path.parent.name != "__pycache__"} <= installed
