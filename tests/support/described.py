"""Whether responses are as the OpenAPI description says."""

from typing import Any

import requests
from jsonschema import Draft202012Validator

Description = dict[str, Any]


def resolve(document: Description, node: Description) -> Description:
    """Return what a reference within the document leads to, or the node itself."""
    found: Any = document
    for name in node["$ref"].split("/")[1:] if "$ref" in node else ():
        found = found[name]
    return found if "$ref" in node else node


def validate(document: Description, schema: Description, value: object) -> None:
    """Raise jsonschema's ValidationError unless the value is as the schema says."""
    Draft202012Validator(schema | {"components": document["components"]}).validate(value)


def check(document: Description, response: requests.Response) -> None:
    """Fail unless the response to a request is one that its operation describes."""
    assert response.request.method
    path = response.request.path_url.partition("?")[0]
    operation = document["paths"][path][response.request.method.lower()]
    check_response(document, operation["responses"][str(response.status_code)], response)


def check_response(document: Description, node: Description, response: requests.Response) -> None:
    """Fail unless the response is as the description of one response says."""
    described = resolve(document, node)
    content = described["content"][response.headers["Content-Type"].partition(";")[0]]
    body = response.json() if "json" in response.headers["Content-Type"] else response.text
    validate(document, content["schema"], body)
    for name, header in described["headers"].items():
        _check_header(document, resolve(document, header), response.headers.get(name))


def _check_header(document: Description, header: Description, value: str | None) -> None:
    if value is None:
        assert not header.get("required")
    else:
        whole = header["schema"].get("type") == "integer"
        validate(document, header["schema"], int(value) if whole else value)
