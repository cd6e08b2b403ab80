"""A Swarm of two nodes on one machine: two engines, each with namespaces of its own.

The machine's own engine has no part in it. A node's network, mounts and processes, those of its
containers too, end with its first process; what is left is its folder, and empty control groups.
"""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.stack.docker import docker
from tests.stack.running import clean_environment
from tests.support.server import wait_until

CGROUPS = Path("/sys/fs/cgroup")
NAMESPACES = ["--uts", "--net", "--mount", "--pid"]
ALONE = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
# What an engine keeps at fixed places is below /run. It starts when told to: cables come first.
BOOT = (
    'hostname "$0" && mount -t tmpfs tmpfs /run && echo up && read -r go && exec dockerd "$@" >&2'
)


class Node:
    """A machine with Docker on it, as far as its programs can tell.

    The test reaches it at `address`; nodes reach each other at `cluster_address`, once cabled.
    Addresses are of the range that RFC 2544 keeps for tests. `options` are dockerd's.
    """

    def __init__(self, folder: Path, number: int, *options: str) -> None:
        self.name = f"swarm-test-{number}"
        self.address = f"198.18.{number}.2"
        self.cluster_address = f"198.18.0.{number}"
        self.host = f"unix://{folder}/{self.name}/docker.sock"
        self._options = options
        self._gateway = f"198.18.{number}.1"
        self._folder = folder / self.name
        self._log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that its network belongs to."""
        assert self._process
        return self._process.pid

    def boot(self) -> None:
        """Switch it on; its engine does not run yet."""
        options = ["--host", self.host, "--data-root", f"{self._folder}/data"]
        options += ["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", self.name]
        options += self._options
        dies_with_the_test = ["setpriv", "--pdeathsig", "KILL"]
        self._folder.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*dies_with_the_test, *ALONE, "sh", "-c", BOOT, self.name, *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"up\n", self._log.read_text()
        self._unplug()
        ip("link", "add", self.name, "type", "veth", "peer", "name", "test", "netns", str(self.pid))
        ip("address", "add", f"{self._gateway}/24", "dev", self.name)
        ip("link", "set", self.name, "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.configure("test", self.address)

    def start_engine(self) -> None:
        """Start Docker on it; return when it answers."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        wait_until(self._answers, lambda: self._log.read_text()[-2000:], within=60)

    def cut_off(self) -> None:
        """Cut its cable to the others: they hear nothing more of it, nor of its end."""
        self.inside("ip", "link", "set", "cluster", "down")

    def kill(self) -> None:
        """Kill all its processes at once, those of its containers too."""
        if self._process:
            with self._process as process:  # closes its pipes
                process.kill()
            self._process = None
            self._unplug()
            wait_until(self._is_gone, f"{self.name} does not end")

    def remove(self) -> None:
        """Kill it, and remove what it kept."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def docker(self, *arguments: str) -> str:
        """Run a docker command on it, see `tests.stack.docker.docker`."""
        return docker("--host", self.host, *arguments)

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Return what its engine knows of a node, a service, ..."""
        facts: dict[str, Any] = json.loads(self.docker(kind, "inspect", name))[0]
        return facts

    def configure(self, interface: str, address: str) -> None:
        """Give one of its network interfaces an address."""
        self.inside("ip", "address", "add", f"{address}/24", "dev", interface)
        self.inside("ip", "link", "set", interface, "up")

    def inside(self, *command: str) -> None:
        """Run a command of this machine in the node's network."""
        enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        subprocess.run([*enter, *command], check=True)

    def _unplug(self) -> None:
        """Remove its cable to the test; it outlives the node while connections wait for answers."""
        subprocess.run(["ip", "link", "delete", self.name], capture_output=True)

    def _answers(self) -> bool:
        ask = ["docker", "--host", self.host, "info"]
        return subprocess.run(ask, capture_output=True).returncode == 0

    def _is_gone(self) -> bool:
        """Remove its control groups; return whether that was possible: no process is left."""
        try:
            for top in [*CGROUPS.glob(self.name), *CGROUPS.glob(f"*/{self.name}")]:
                for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
                    folder.rmdir()
        except OSError:
            return False
        return True


class Swarm:
    """A manager and a worker. A `with` removes them at its end, however it comes to that."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.worker = self.nodes = (Node(folder, 1), Node(folder, 2))

    def __enter__(self) -> "Swarm":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.remove()

    def _start(self) -> None:
        for node in self.nodes:
            node.boot()
        self.cable()
        for node in self.nodes:
            node.start_engine()
        manager = self.manager.cluster_address
        self.manager.docker("swarm", "init", "--advertise-addr", manager)
        token = self.manager.docker("swarm", "join-token", "--quiet", "worker")
        self.worker.docker("swarm", "join", "--token", token, manager)

    def restart_worker(self) -> None:
        """Switch the worker on again, after it was killed."""
        self.worker.boot()
        self.manager.inside("ip", "link", "delete", "cluster")
        self.cable()
        self.worker.start_engine()

    def cable(self) -> None:
        """Connect the nodes."""
        here, there = (str(node.pid) for node in self.nodes)
        cable = ["cluster", "netns", here, "type", "veth", "peer", "cluster", "netns", there]
        ip("link", "add", *cable)
        for node in self.nodes:
            node.configure("cluster", node.cluster_address)

    def load(self, *images: str) -> None:
        """Give each node images that this machine's engine has."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            hosts = [node.host for node in self.nodes]
            both = 'set -o pipefail; tee >(docker -H "$0" load) | docker -H "$1" load && wait $!'
            done = subprocess.run(
                ["bash", "-c", both, *hosts], stdin=save.stdout, capture_output=True, text=True
            )
        assert (save.returncode, done.returncode) == (0, 0), done.stderr

    def run(
        self, command: str, checkout: Path, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of the documents on the manager."""
        environment = clean_environment(DOCKER_HOST=self.manager.host, **settings)
        return subprocess.run(
            ["bash", "-c", command],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )

    def running(self, service: str) -> Counter[str]:
        """Return how many tasks of a service run on each node."""
        options = ["--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}"]
        lines = self.manager.docker("service", "ps", *options, service).splitlines()
        return Counter(line.split()[0] for line in lines if line.split()[1] == "Running")


def ip(*arguments: str) -> None:
    """Run iproute2's program, see man 8 ip."""
    subprocess.run(["ip", *arguments], check=True)
