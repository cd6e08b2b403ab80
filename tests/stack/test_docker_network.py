"""What the containers can reach, and what reaches them."""

import json
import socket
import subprocess
from ipaddress import ip_network

from tests.stack.docker import docker, inspect, needs_docker
from tests.stack.running import Stack

pytestmark = needs_docker


def test_only_nginx_is_published(stack: Stack) -> None:
    assert not any(inspect(stack, "inference_app")["HostConfig"]["PortBindings"].values())
    assert list(inspect(stack, "nginx")["HostConfig"]["PortBindings"]) == ["8080/tcp"]


def test_the_app_reaches_no_other_network(stack: Stack) -> None:
    (network,) = inspect(stack, "inference_app")["NetworkSettings"]["Networks"]
    assert json.loads(docker("network", "inspect", network))[0]["Internal"] is True


def test_the_app_reaches_nothing_of_the_host(stack: Stack) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        port = server.getsockname()[1]
        networks = {
            service: inspect(stack, service)["NetworkSettings"]["Networks"]
            for service in ("inference_app", "nginx")
        }
        # NGINX, which has a way out, does reach it: this would be seen.
        (gateway,) = {each["Gateway"] for each in networks["nginx"].values()} - {""}
        reach = ["curl", "--connect-timeout", "3", "--max-time", "3", f"http://{gateway}:{port}"]
        tried = subprocess.run(
            ["docker", "compose", "exec", "nginx", *reach],
            cwd=stack.checkout,
            env=stack.environment,
        )
        assert tried.returncode == 28  # connected, and not answered
        (own,) = networks["inference_app"].values()
        first = str(next(ip_network(f"{own['IPAddress']}/{own['IPPrefixLen']}", False).hosts()))
        for address in {first, gateway, *host_addresses()}:
            script = f"import socket; socket.create_connection(('{address}', {port}), 3)"
            said = subprocess.run(
                ["docker", "compose", "exec", "inference_app", "python", "-c", script],
                cwd=stack.checkout,
                env=stack.environment,
                capture_output=True,
                text=True,
            )
            assert said.returncode == 1, address
            assert "Error" in said.stderr


def host_addresses() -> list[str]:
    """Return the IPv4 addresses of this machine but for the loopback's."""
    said = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    return [address for address in said.split() if ":" not in address]
