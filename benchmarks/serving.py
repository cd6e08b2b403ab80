"""A server that runs while it is measured: started, loaded by wrk, watched, stopped."""

import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import bodies, environments, processes, wrk
from benchmarks.servers import ROOT, Server, Tuning

SWEEP_CLIENTS = 16
PHOTOS = "photos"
PATIENCE = 90.0  # seconds until the first response


@dataclass(frozen=True)
class Plan:
    """What is measured: the models, the photos, and how long."""

    source: Path
    prepared: Path
    photos: list[bytes]
    clients: tuple[int, ...]
    seconds: int
    kinds: dict[str, list[bytes]] = field(default_factory=dict)  # other pictures than photos

    @property
    def sweep_seconds(self) -> int:
        """Seconds for each tuning of the sweep, and for each kind of picture."""
        return max(2, self.seconds * 2 // 5)

    @property
    def warm_up_seconds(self) -> int:
        """Seconds of load before anything counts."""
        return max(1, min(5, self.seconds // 5))


@dataclass
class Running:
    """A server that runs and has served one request."""

    server: Server
    process: subprocess.Popen[bytes]
    mark: str
    url: str
    home: Path
    first_answer: str
    start_s: float

    def load(self, clients: int, seconds: int, kind: str = PHOTOS) -> wrk.Load:
        """Load it with so many clients, then wait until it is idle."""
        listing = self.home / kind / bodies.LISTING
        headers = {"Content-Type": self.server.content_type}
        load = wrk.run(self.url, listing, headers, clients, seconds)
        processes.settle(self.process.pid, self.mark)
        return load

    def pss_mb(self) -> float:
        """Return the memory of all its processes, in MB of PSS."""
        return processes.pss_mb(processes.family(self.process.pid, self.mark))


@contextmanager
def serving(
    server: Server, engine: str, tuning: Tuning, plan: Plan, venv: Path
) -> Iterator[Running]:
    """Run the server while the `with` lasts; raises RuntimeError if it does not respond."""
    mark = uuid.uuid4().hex
    # A short path: it holds UNIX sockets.
    with tempfile.TemporaryDirectory(prefix="peers-", ignore_cleanup_errors=True) as scratch:
        home = Path(scratch)
        home.chmod(0o755)  # NGINX's workers run as another user
        values = environment(server, engine, tuning, plan, venv, home) | {processes.MARK: mark}
        for kind, pictures in ({PHOTOS: plan.photos} | plan.kinds).items():
            bodies.write(home / kind, [server.encode(picture) for picture in pictures])
        url = f"http://127.0.0.1:{values['PORT']}{server.path}"
        start = time.perf_counter()
        process = processes.start(server.command.format(**values), values, home)
        try:
            first = server.encode(plan.photos[0]), server.content_type
            answer = processes.first_response(process, url, *first, PATIENCE)
            start_s = round(time.perf_counter() - start, 2)
            yield Running(server, process, mark, url, home, answer, start_s)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; its log ends: {_tail(home / 'log')}") from error
        finally:
            processes.stop(process, mark)


def environment(
    server: Server, engine: str, tuning: Tuning, plan: Plan, venv: Path, home: Path
) -> dict[str, str]:
    """Return the environment variables of a server, which its command may name too."""
    ports = free_ports(5)
    values = environments.base_environment() | {
        "ENGINE": engine.partition("-")[0],
        "DECODE": "ours" if engine == "openvino" else "pillow",
        "MODEL_SOURCE": str(plan.source.resolve()),
        "MODEL_PREPARED": str(plan.prepared.resolve()),
        "WORKERS": str(tuning.workers),
        "THREADS": str(tuning.threads),
        "OMP_NUM_THREADS": str(tuning.threads),
        "BATCH": str(tuning.batch),
        "PORT": str(ports[0]),
        "PORT2": str(ports[1]),
        "PORT3": str(ports[2]),
        "PORTS": ",".join(map(str, ports)),
        "HOME": str(home),
        "APP": str(server.folder),
        "BIN": str(venv / "bin"),
        "PYTHONPATH": f"{server.folder}:{ROOT}",
        "HF_HUB_OFFLINE": "1",
    }
    values["PATH"] = f"{venv / 'bin'}:{values['PATH']}"
    return values | {name: text.format(**values) for name, text in server.environment.items()}


def free_ports(count: int) -> list[int]:
    """Return so many ports of the loopback that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:].strip()
