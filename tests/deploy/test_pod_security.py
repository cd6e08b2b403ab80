"""The check of the restricted Pod Security Standard notices what it is to notice."""

import copy
import functools
import operator
from typing import Any

import pytest

from tests.deploy.pod_security import violations

RESTRICTED: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "ports": [{"containerPort": 8000}],
            "livenessProbe": {"httpGet": {"path": "/livez", "port": 8000}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            },
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


def test_a_restricted_pod_violates_nothing() -> None:
    assert list(violations(RESTRICTED)) == []


CONTEXT = ("containers", 0, "securityContext")


@pytest.mark.parametrize(
    ("control", "path", "value"),
    [
        ("Host Namespaces", ("hostPID",), True),
        ("Volume Types", ("volumes", 0, "hostPath"), {"path": "/"}),
        ("Seccomp", ("securityContext", "seccompProfile"), {}),
        ("Seccomp", (*CONTEXT, "seccompProfile"), {"type": "Unconfined"}),
        ("AppArmor", (*CONTEXT, "appArmorProfile"), {"type": "Unconfined"}),
        ("Running as Non-root", ("securityContext", "runAsNonRoot"), None),
        ("Running as Non-root", (*CONTEXT, "runAsNonRoot"), False),
        ("Running as Non-root user", ("securityContext", "runAsUser"), 0),
        ("Running as Non-root user", (*CONTEXT, "runAsUser"), 0),
        ("HostProcess", (*CONTEXT, "windowsOptions"), {"hostProcess": True}),
        ("Privileged Containers", (*CONTEXT, "privileged"), True),
        ("Privilege Escalation", (*CONTEXT, "allowPrivilegeEscalation"), None),
        ("/proc Mount Type", (*CONTEXT, "procMount"), "Unmasked"),
        ("Capabilities", (*CONTEXT, "capabilities"), {}),
        ("Capabilities", (*CONTEXT, "capabilities", "drop"), ["KILL"]),
        ("Capabilities", (*CONTEXT, "capabilities", "add"), ["CHOWN"]),
        ("SELinux", (*CONTEXT, "seLinuxOptions"), {"user": "root"}),
        ("Sysctls", ("securityContext", "sysctls"), [{"name": "x", "value": "1"}]),
        ("Host Ports", ("containers", 0, "ports", 0, "hostPort"), 80),
        ("Host Probes", ("containers", 0, "livenessProbe", "httpGet", "host"), "10.0.0.1"),
    ],
)
def test_each_control_is_noticed(control: str, path: tuple[str | int, ...], value: Any) -> None:
    pod: Any = copy.deepcopy(RESTRICTED)
    functools.reduce(operator.getitem, path[:-1], pod)[path[-1]] = value
    assert list(violations(pod)) == [control]
