"""The check of the restricted Pod Security Standard notices what it is to notice."""

import copy
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


@pytest.mark.parametrize(
    ("control", "change"),
    [
        ("Host Namespaces", "pod['hostPID'] = True"),
        ("Volume Types", "pod['volumes'].append({'name': 'x', 'hostPath': {'path': '/'}})"),
        ("Seccomp", "del pod['securityContext']['seccompProfile']"),
        ("Seccomp", "context['seccompProfile'] = {'type': 'Unconfined'}"),
        ("AppArmor", "context['appArmorProfile'] = {'type': 'Unconfined'}"),
        ("Running as Non-root", "del pod['securityContext']['runAsNonRoot']"),
        ("Running as Non-root", "context['runAsNonRoot'] = False"),
        ("Running as Non-root user", "pod['securityContext']['runAsUser'] = 0"),
        ("Running as Non-root user", "context['runAsUser'] = 0"),
        ("HostProcess", "context['windowsOptions'] = {'hostProcess': True}"),
        ("Privileged Containers", "context['privileged'] = True"),
        ("Privilege Escalation", "del context['allowPrivilegeEscalation']"),
        ("/proc Mount Type", "context['procMount'] = 'Unmasked'"),
        ("Capabilities", "context['capabilities']['drop'] = ['KILL']"),
        ("Capabilities", "context['capabilities']['add'] = ['CHOWN']"),
        ("SELinux", "context['seLinuxOptions'] = {'user': 'root'}"),
        ("Sysctls", "pod['securityContext']['sysctls'] = [{'name': 'x', 'value': '1'}]"),
        ("Host Ports", "container['ports'][0]['hostPort'] = 80"),
        ("Host Probes", "container['livenessProbe']['httpGet']['host'] = '10.0.0.1'"),
    ],
)
def test_each_control_is_noticed(control: str, change: str) -> None:
    pod = copy.deepcopy(RESTRICTED)
    container = pod["containers"][0]
    names = {"pod": pod, "container": container, "context": container["securityContext"]}
    exec(change, names)  # noqa: S102
    assert list(violations(pod)) == [control]
