"""Who may connect to whom, by the network policies of deploy/kubernetes."""

import pytest

from tests.deploy.kubernetes import INGRESS, NGINX, needs_kustomize, of_kind
from tests.deploy.network import Peer, may_connect

pytestmark = needs_kustomize


def pod(name: str, namespace: str = "inference") -> Peer:
    return Peer(namespace, (("app.kubernetes.io/name", name),))


APP, PROXY, OTHER = pod("inference-app"), pod("inference-nginx"), pod("other")
WORLD = Peer(address="203.0.113.7")
PROMETHEUS, STRANGER = pod("prometheus", "monitoring"), pod("inference-nginx", "elsewhere")
DNS = Peer("kube-system", (("k8s-app", "kube-dns"),))
NODE_DNS = Peer(address="169.254.20.10")
CONTROLLER = pod("controller", "nginx-ingress")


@pytest.mark.parametrize(
    ("folder", "source", "target", "port", "passes"),
    [
        (NGINX, WORLD, PROXY, 8080, True),
        (NGINX, WORLD, PROXY, 8443, True),
        (NGINX, WORLD, APP, 8000, False),
        (NGINX, PROXY, APP, 8000, True),
        (NGINX, PROXY, APP, 22, False),
        (NGINX, OTHER, APP, 8000, False),
        (NGINX, STRANGER, APP, 8000, False),
        (NGINX, CONTROLLER, APP, 8000, False),
        (NGINX, PROMETHEUS, APP, 8000, True),
        (NGINX, PROMETHEUS, APP, 8080, False),
        (NGINX, APP, WORLD, 443, False),
        (NGINX, APP, PROXY, 8080, False),
        (NGINX, APP, DNS, 53, False),
        (NGINX, PROXY, WORLD, 443, False),
        (NGINX, PROXY, DNS, 53, True),
        (NGINX, PROXY, NODE_DNS, 53, True),
        (NGINX, PROXY, WORLD, 53, False),
        (NGINX, PROXY, OTHER, 8000, False),
        (INGRESS, CONTROLLER, APP, 8000, True),
        (INGRESS, PROMETHEUS, APP, 8000, True),
        (INGRESS, PROXY, APP, 8000, False),
        (INGRESS, WORLD, APP, 8000, False),
        (INGRESS, APP, WORLD, 443, False),
        ("base", PROMETHEUS, APP, 8000, True),
        ("base", OTHER, APP, 8000, False),
    ],
)
def test_who_may_connect_to_whom(
    folder: str, source: Peer, target: Peer, port: int, passes: bool
) -> None:
    policies = list(of_kind(folder, "NetworkPolicy").values())
    assert may_connect(policies, source, target, port) is passes


def test_nginx_may_ask_dns_by_udp() -> None:
    policies = list(of_kind(NGINX, "NetworkPolicy").values())
    assert may_connect(policies, PROXY, DNS, 53, "UDP")
    assert not may_connect(policies, PROXY, WORLD, 53, "UDP")
