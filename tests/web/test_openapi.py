"""The description is valid, complete, and true of a small real server's responses."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
import requests
from jsonschema import ValidationError

from inference_app import errors
from inference_app.app import create_app
from inference_app.config import KNOWN_PROTOCOLS, Settings
from inference_app.web.openapi import describe
from tests.conftest import ESPRESSO
from tests.support.contracts import CONTRACTS, Contract
from tests.support.described import check, check_response, resolve, validate
from tests.support.server import Server, serving

# Files of a page, which no client asks for by itself; what only the app's own port serves.
NOT_FOR_CLIENTS = {"/docs/<name>", "/metrics", "/page/<path:name>"}
PHOTO = ESPRESSO.read_bytes()
KEY = "a key of 16 characters"
AS_JSON = {"Accept": "application/json"}
POSTED: dict[str, tuple[dict[str, Any], int]] = {
    "a body": ({"data": PHOTO}, 200),
    "a form": ({"files": {"image": PHOTO}}, 200),
    "a form with a file": ({"files": {"file": PHOTO}}, 200),
    "a form with a file, as JSON": ({"files": {"file": PHOTO}, "headers": AS_JSON}, 200),
    "several pictures": ({"files": [("image", PHOTO), ("image", PHOTO)]}, 200),
    "several files": ({"files": [("file", PHOTO), ("file", PHOTO)]}, 200),
    "several files as JSON": ({"files": [("file", PHOTO)] * 2, "headers": AS_JSON}, 200),
    "a good and a bad picture": ({"files": [("image", PHOTO), ("image", b"text")]}, 200),
    "a good and a bad file": (
        {"files": [("file", PHOTO), ("file", b"text")], "headers": AS_JSON},
        200,
    ),
    "bad pictures": ({"files": [("image", b"text"), ("image", PHOTO[:5000])]}, 415),
    "JSON": ({"json": {"image": base64.b64encode(PHOTO).decode()}}, 200),
    "several pictures in JSON": ({"json": {"image": [base64.b64encode(PHOTO).decode()] * 2}}, 200),
    "top_k": ({"data": PHOTO, "params": {"top_k": 3}}, 200),
    "format": ({"data": PHOTO, "params": {"format": "text"}}, 200),
    "Accept": ({"data": PHOTO, "headers": {"Accept": "text/plain"}}, 200),
    "nothing": ({}, 400),
    "a wrong top_k": ({"data": PHOTO, "params": {"top_k": 0}}, 400),
    "an unknown parameter": ({"data": PHOTO, "params": {"topk": 1}}, 400),
    "too much": ({"data": bytes(2_000_000)}, 413),
    "text": ({"data": b"text"}, 415),
    "half a picture": ({"data": PHOTO[:5000]}, 422),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, MAX_UPLOAD_MB="1", PROTOCOLS="none") as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    """Return the description as the server gives it."""
    response: dict[str, Any] = requests.get(f"{server.url}/openapi.json", timeout=30).json()
    return response


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Write a file of one key."""
    file = tmp_path / "keys.txt"
    file.write_text(KEY)
    return file


def test_it_is_a_valid_description(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(document)


def test_every_route_of_ours_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    ours = create_app(Settings(protocols=()))
    routes = {
        (rule.rule, method.lower())
        for rule in ours.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in NOT_FOR_CLIENTS
        if rule.endpoint.partition(".")[0] not in KNOWN_PROTOCOLS  # described elsewhere
    }
    operations = {
        (path, method)
        for path, item in document["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    assert operations == routes


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = re.findall(r"'operationId': '(\w+)'", str(document))
    assert len(names) == len(set(names)) == 9


@pytest.mark.parametrize("path", ["/predict", "/upload", "/"])
@pytest.mark.parametrize("kind", POSTED)
def test_responses_to_posts_are_as_described(
    server: Server, document: dict[str, Any], path: str, kind: str
) -> None:
    sent, status = POSTED[kind]
    response = requests.post(server.url + path, timeout=30, **sent)
    assert response.status_code == status
    check(document, response)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_clients_of_older_systems_are_described(
    server: Server, document: dict[str, Any], contract: Contract
) -> None:
    check(document, contract.call(server.url))


@pytest.mark.parametrize("path", ["/", "/labels", "/livez", "/readyz", "/openapi.json", "/docs"])
def test_responses_to_gets_are_as_described(
    server: Server, document: dict[str, Any], path: str
) -> None:
    response = requests.get(server.url + path, timeout=30)
    assert response.status_code == 200
    check(document, response)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [("GET", "/nothing", "NotFound"), ("PUT", "/predict", "MethodNotAllowed")],
)
def test_other_paths_and_methods_are_refused_as_described(
    server: Server, document: dict[str, Any], method: str, path: str, name: str
) -> None:
    response = requests.request(method, server.url + path, timeout=30)
    check_response(document, document["components"]["responses"][name], response)


def test_a_missing_key_is_refused_as_described(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, API_KEYS_FILE=keys) as server:
        document = requests.get(f"{server.url}/openapi.json", timeout=30).json()
        response = requests.post(f"{server.url}/predict", PHOTO, timeout=30)
        assert response.status_code == 401
        check(document, response)
        for scheme in document["components"]["securitySchemes"].values():
            bearer = scheme["type"] == "http"
            header = {"Authorization": f"Bearer {KEY}"} if bearer else {scheme["name"]: KEY}
            assert requests.post(f"{server.url}/predict", PHOTO, headers=header, timeout=30).ok


def test_a_key_is_asked_for_where_the_server_has_keys(settings: Settings, keys: Path) -> None:
    assert {} in describe(settings)["security"]
    assert describe(replace(settings, api_keys_file=keys))["security"] == [
        {"bearer": []},
        {"key": []},
    ]


@pytest.mark.parametrize(
    "kind",
    [
        each
        for each in errors.RequestError.__subclasses__()
        if each not in (errors.ClientDisconnected, errors.UnknownModel)
    ],
)
def test_every_error_is_described(
    document: dict[str, Any], kind: type[errors.RequestError]
) -> None:
    described = document["paths"]["/predict"]["post"]["responses"][str(kind.status)]
    node = resolve(document, described)
    assert f"`{kind.type}`" in node["description"]
    assert set(kind.headers) <= set(node["headers"])


def test_the_limits_are_those_of_the_server(settings: Settings) -> None:
    mine = replace(settings, max_pictures=3, max_upload_mb=7, picture_formats=("GIF", "BMP"))
    document = describe(mine)
    assert "This server takes GIF, BMP, request bodies of 7 MB" in document["info"]["description"]
    image, file = document["components"]["schemas"]["Form"]["anyOf"]
    assert image["properties"]["image"]["maxItems"] == file["properties"]["file"]["maxItems"] == 3
    assert "${" not in str(document)


def test_what_is_not_described_fails(server: Server, document: dict[str, Any]) -> None:
    response = requests.get(f"{server.url}/livez", timeout=30)
    readyz = document["paths"]["/readyz"]["get"]["responses"]["200"]
    with pytest.raises(ValidationError, match="'model' is a required property"):
        check_response(document, readyz, response)
    with pytest.raises(ValidationError):
        validate(document, {"$ref": "#/components/schemas/Failure"}, response.json())


def test_before_the_model_is_loaded_it_is_described_as_well(settings: Settings) -> None:
    client = create_app(settings).test_client()
    assert client.get("/openapi.json").status_code == 200
