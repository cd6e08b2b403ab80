"""The restricted Pod Security Standard, as far as Linux pods go.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ , of Kubernetes 1.34.
Where it lets harmless values of a field pass (SELinux types, sysctls), none passes here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.deploy.kubernetes import values_of

Fields = dict[str, Any]

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
HOOKS = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
PROFILES = ("RuntimeDefault", "Localhost")

# Of a pod's `spec`.
OF_PODS: dict[str, Callable[[Fields], bool]] = {
    "Host Namespaces": lambda pod: any(
        pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")
    ),
    "Volume Types": lambda pod: any(
        not volume.keys() - {"name"} <= VOLUMES for volume in pod.get("volumes", [])
    ),
    "Sysctls": lambda pod: "sysctls" in pod.get("securityContext", {}),
}
# Of a container's security context, with what it has from its pod.
OF_CONTEXTS: dict[str, Callable[[Fields], bool]] = {
    "Privileged Containers": lambda context: bool(context.get("privileged")),
    "Privilege Escalation": lambda context: context.get("allowPrivilegeEscalation") is not False,
    "/proc Mount Type": lambda context: context.get("procMount", "Default") != "Default",
    "Running as Non-root": lambda context: context.get("runAsNonRoot") is not True,
    "Running as Non-root user": lambda context: context.get("runAsUser") == 0,
    "Seccomp": lambda context: context.get("seccompProfile", {}).get("type") not in PROFILES,
    "AppArmor": lambda context: context.get("appArmorProfile", {}).get("type") == "Unconfined",
    "SELinux": lambda context: "seLinuxOptions" in context,
    "HostProcess": lambda context: "windowsOptions" in context,
    "Capabilities": lambda context: (
        "ALL" not in context.get("capabilities", {}).get("drop", [])
        or not set(context["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"}
    ),
}
# Of a container.
OF_CONTAINERS: dict[str, Callable[[Fields], bool]] = {
    "Host Ports": lambda container: any(
        port.get("hostPort") for port in container.get("ports", [])
    ),
    "Host Probes": lambda container: any(
        values_of("host", {hook: container.get(hook, {}) for hook in HOOKS})
    ),
}


def violations(pod: Fields) -> Iterator[str]:
    """Yield the controls of the standard that a pod, its `spec`, does not keep."""
    yield from (control for control, broken in OF_PODS.items() if broken(pod))
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(kind, []):
            context = pod.get("securityContext", {}) | container.get("securityContext", {})
            yield from (control for control, broken in OF_CONTEXTS.items() if broken(context))
            yield from (control for control, broken in OF_CONTAINERS.items() if broken(container))
