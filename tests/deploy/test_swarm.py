"""What deploy/swarm/stack.py makes of a Compose file; tests/stack/test_swarm.py deploys it."""

from pathlib import Path
from typing import Any

import pytest

from deploy.swarm.stack import stack


def project(**service: Any) -> dict[str, Any]:
    """Return a project of one service, as `docker compose config` prints it."""
    return {"name": "inference", "x-hardened": {}, "services": {"app": service}}


def converted(**service: Any) -> Any:
    """Return what becomes of that service."""
    return stack(project(**service))["services"]["app"]


def test_limits_are_kept() -> None:
    limited = converted(mem_limit="4294967296", cpus=1.5, pids_limit=2048)
    limits = {"memory": "4294967296", "cpus": "1.5", "pids": 2048}
    assert limited["deploy"]["resources"]["limits"] == limits
    assert not {"mem_limit", "cpus", "pids_limit"} & set(limited)


def test_what_is_said_of_deploying_is_kept() -> None:
    deploy = {"replicas": 3, "resources": {"reservations": {"memory": "1024", "cpus": 0.5}}}
    kept = converted(deploy=deploy, mem_limit="2048")["deploy"]
    assert kept["replicas"] == 3
    assert kept["resources"] == {
        "limits": {"memory": "2048"},
        "reservations": {"memory": "1024", "cpus": "0.5"},
    }


def test_file_systems_in_memory_are_mounts() -> None:
    assert converted(tmpfs=["/tmp:size=64m", "/etc/conf.d"])["volumes"] == [  # noqa: S108
        {"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 64 << 20}},  # noqa: S108
        {"type": "tmpfs", "target": "/etc/conf.d", "tmpfs": {}},
    ]


def test_what_a_swarm_refuses_is_left_out() -> None:
    made = stack(project(build={"context": "."}, depends_on={}, restart="always", command=None))
    assert not {"build", "depends_on", "restart", "command"} & set(made["services"]["app"])
    assert not {"name", "x-hardened"} & set(made)


def test_ports_are_published_by_the_node_itself() -> None:
    port = {"mode": "ingress", "target": 8080, "published": "80", "protocol": "tcp"}
    assert converted(ports=[port])["ports"] == [port | {"mode": "host", "published": 80}]


def test_a_port_for_one_address_is_refused() -> None:
    port = {"target": 3000, "published": "3000", "host_ip": "127.0.0.1"}
    with pytest.raises(ValueError, match="app: a Swarm publishes ports on all addresses"):
        converted(ports=[port])


def secret_name(file: Path) -> str:
    """Return the name that a secret with this file is deployed under."""
    secrets = {"keys": {"name": "inference_keys", "file": str(file)}}
    made = stack(project(secrets=[{"source": "keys"}]) | {"secrets": secrets})
    assert made["services"]["app"]["secrets"] == [{"source": "keys"}]
    name: str = made["secrets"]["keys"]["name"]
    return name


def test_a_secret_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for file, text in ((one, "a"), (same, "a"), (other, "b")):
        file.write_text(text)
    assert secret_name(one) == secret_name(same) != secret_name(other)
    assert secret_name(one).startswith("inference_keys_")


def test_an_empty_secret_is_none() -> None:
    secrets = {"keys": {"name": "inference_keys", "file": "/dev/null"}}
    made = stack(project(secrets=[{"source": "keys"}]) | {"secrets": secrets})
    assert made["secrets"] == {}
    assert made["services"]["app"]["secrets"] == []
