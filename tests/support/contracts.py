"""The clients of the systems that this one replaces: what each sends, and what it must get.

Used at each distance: against the app over a socket, through NGINX, and in Docker.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from tests.conftest import ESPRESSO

CLASS = {"class_id": "n07920052", "class_name": "espresso"}


@dataclass(frozen=True)
class Contract:
    """One request of one system's client, and a check of the response's body."""

    name: str
    path: str
    check: Callable[[requests.Response], bool]
    part: str | None = None
    method: str = "POST"
    accept: str = "*/*"

    def call(self, url: str) -> requests.Response:
        """Send the request to the server at `url`."""
        picture = {self.part: ("photo.jpg", ESPRESSO.read_bytes())} if self.part else None
        return requests.request(
            self.method, url + self.path, files=picture, headers={"Accept": self.accept}, timeout=30
        )


def _resnet(response: requests.Response) -> bool:
    body: dict[str, Any] = response.json()
    nested = body["response"]
    return (
        body["success"] is True
        and nested["statusCode"] == 200
        and json.loads(nested["body"]) == "espresso"
    )


def _class(response: requests.Response) -> bool:
    return bool(response.json() == CLASS)


def _label(response: requests.Response) -> bool:
    return response.content == b"espresso" and response.headers["Content-Type"].startswith(
        "text/plain"
    )


def _greeting(response: requests.Response) -> bool:
    return "/predict" in response.text and "running" in response.text


def _no_image(response: requests.Response) -> bool:
    body: dict[str, Any] = response.json()
    return bool(body["message"] == "no input image")


CONTRACTS = [
    Contract("ResNet-50 behind NGINX", "/predict", _resnet, "image"),
    Contract("greeting", "/", _greeting, method="GET"),
    Contract("DenseNet-121, JSON", "/", _class, "image"),
    Contract("DenseNet-121, upload", "/upload", _class, "file"),
    Contract("DenseNet-121, plain label", "/predict", _label, "file"),
    Contract("plain label, as text", "/predict", _label, "file", accept="text/plain"),
    Contract("plain label, as JSON", "/predict", _class, "file", accept="application/json"),
    Contract("plain label, as JSON by query", "/predict?format=json", _class, "file"),
    Contract("plain label, greeting", "/", _no_image, method="GET", accept="application/json"),
]
