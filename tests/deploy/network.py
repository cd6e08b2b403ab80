"""Who may connect to whom, by NetworkPolicies.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ . Policies add up;
a pod that none selects for a direction is open in it.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Rule = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A pod by its namespace and labels, or an address outside of the cluster."""

    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""


def may_connect(
    policies: list[Rule], source: Peer, target: Peer, port: int, protocol: str = "TCP"
) -> bool:
    """Return whether both ends let a connection pass."""
    out = _lets(policies, "Egress", source, target, port, protocol)
    return out and _lets(policies, "Ingress", target, source, port, protocol)


def _lets(policies: list[Rule], way: str, pod: Peer, other: Peer, port: int, protocol: str) -> bool:
    """Return whether the policies that select `pod` let `other` pass one way."""
    of_pod = [
        each
        for each in policies
        if way in each["spec"]["policyTypes"]
        and each["metadata"]["namespace"] == pod.namespace
        and _matches(each["spec"]["podSelector"], pod.labels)
    ]
    rules = [rule for each in of_pod for rule in each["spec"].get(way.lower(), [])]
    side = "from" if way == "Ingress" else "to"
    return not of_pod or any(
        _is_port(rule, port, protocol) and _is_peer(rule.get(side), other, pod.namespace)
        for rule in rules
    )


def _is_port(rule: Rule, port: int, protocol: str) -> bool:
    ports = [(each["port"], each.get("protocol", "TCP")) for each in rule["ports"]]
    return (port, protocol) in ports


def _is_peer(allowed: list[Rule] | None, peer: Peer, namespace: str) -> bool:
    return allowed is None or any(_is_one(each, peer, namespace) for each in allowed)


def _is_one(allowed: Rule, peer: Peer, namespace: str) -> bool:
    if "ipBlock" in allowed:
        return bool(peer.address) and ip_address(peer.address) in ip_network(
            allowed["ipBlock"]["cidr"]
        )
    if "namespaceSelector" in allowed:
        labels = (("kubernetes.io/metadata.name", peer.namespace),)
        inside = _matches(allowed["namespaceSelector"], labels)
    else:
        inside = peer.namespace == namespace
    return inside and not peer.address and _matches(allowed.get("podSelector", {}), peer.labels)


def _matches(selector: Rule, labels: tuple[tuple[str, str], ...]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= dict(labels).items()
