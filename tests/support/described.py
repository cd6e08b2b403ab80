"""Whether answers are as the OpenAPI description says."""

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


def check(document: Description, answer: requests.Response) -> None:
    """Fail unless the answer to a request is one that its operation describes."""
    assert answer.request.method
    path = answer.request.path_url.partition("?")[0]
    operation = document["paths"][path][answer.request.method.lower()]
    check_response(document, operation["responses"][str(answer.status_code)], answer)


def check_response(document: Description, node: Description, answer: requests.Response) -> None:
    """Fail unless the answer is as the description of one response says."""
    response = resolve(document, node)
    content = response["content"][answer.headers["Content-Type"].partition(";")[0]]
    body = answer.json() if "json" in answer.headers["Content-Type"] else answer.text
    validate(document, content["schema"], body)
    for name, header in response["headers"].items():
        _check_header(document, resolve(document, header), answer.headers.get(name))


def _check_header(document: Description, header: Description, value: str | None) -> None:
    if value is None:
        assert not header.get("required")
    else:
        whole = header["schema"].get("type") == "integer"
        validate(document, header["schema"], int(value) if whole else value)
