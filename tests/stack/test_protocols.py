"""NGINX passes what clients of other servers send, and what they ask of its health."""

from collections.abc import Callable

import requests

from tests.stack.fronted import Fronted
from tests.web.protocols.test_hostile import ROUTES

HEALTH = ("/ping", "/v2/health/ready", "/label-studio/health", "/vertex/health")


def test_nginx_passes_every_protocol(make_fronted: Callable[..., Fronted], espresso: bytes) -> None:
    url = make_fronted().url
    statuses = {path: requests.get(url + path, timeout=30).status_code for path in HEALTH}
    for name, route in ROUTES.items():
        headers = {"Content-Type": route.content_type}
        response = requests.post(
            url + route.path, route.wrap(espresso), headers=headers, timeout=60
        )
        statuses[name] = response.status_code
    assert statuses == dict.fromkeys(statuses, 200)
