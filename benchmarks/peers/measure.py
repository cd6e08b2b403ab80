"""One server with one engine: sweep its tunings, then measure the best one at length."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import processes, wrk
from benchmarks.peers import bodies, environments
from benchmarks.peers.servers import HERE, ROOT, SERVERS, Server, Tuning

SWEEP_CLIENTS = 16
PHOTOS = "photos"
PATIENCE = 90.0  # seconds until the first answer


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
    """A server that runs and has answered once."""

    server: Server
    process: subprocess.Popen[bytes]
    mark: str
    url: str
    home: Path
    first_answer: str
    start_s: float

    @property
    def content_type(self) -> str:
        """The Content-Type of what it is posted."""
        return bodies.content_type(self.server.body)

    def load(self, clients: int, seconds: int, kind: str = PHOTOS) -> wrk.Load:
        """Load it with so many clients, then wait until it has nothing left to do."""
        listing = self.home / kind / bodies.LISTING
        load = wrk.run(self.url, listing, self.content_type, clients, seconds)
        processes.settle(self.process.pid, self.mark)
        return load

    def pss_mb(self) -> float:
        """Return the memory of all its processes."""
        return processes.pss_mb(processes.family(self.process.pid, self.mark))


def measure(
    server: Server, engine: str, plan: Plan, tuning: Tuning | None = None
) -> dict[str, Any]:
    """Return all figures of a server with an engine, or why there are none.

    Without a `tuning`, the best one is searched for.
    """
    requirements = server.requirements(engine)
    packages = (server.package, "torch", "transformers", "openvino")
    result: dict[str, Any] = {"versions": environments.versions(requirements, packages)}
    try:
        _check_needs(server)
        venv = environments.install(server.environment_name(engine), requirements)
        record = result.setdefault("sweep", [])
        best = tuning or _sweep(server, engine, plan, venv, record)
        result |= _measure_best(server, engine, plan, venv, best)
        result["installed_mb"] = environments.size_mb(venv)
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        result["error"] = str(error)
    return result


def _check_needs(server: Server) -> None:
    for program in server.needs:
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            raise RuntimeError(f"{program} is not installed")


def _sweep(
    server: Server, engine: str, plan: Plan, venv: Path, record: list[dict[str, Any]]
) -> Tuning:
    """Try every tuning for a short while; return the best.

    Raises RuntimeError if none of them ran.
    """
    tried = []
    for tuning in server.tunings():
        try:
            with serving(server, engine, tuning, plan, venv) as running:
                running.load(SWEEP_CLIENTS, plan.warm_up_seconds)
                load = running.load(SWEEP_CLIENTS, plan.sweep_seconds)
        except RuntimeError as error:
            record.append(asdict(tuning) | {"error": str(error)})
            continue
        record.append(asdict(tuning) | {"start_s": running.start_s} | load.to_json())
        tried.append((load.images_per_s, tuning))
    if not tried:
        raise RuntimeError(record[-1]["error"])
    return max(tried, key=lambda pair: pair[0])[1]


def _measure_best(
    server: Server, engine: str, plan: Plan, venv: Path, best: Tuning
) -> dict[str, Any]:
    runs, kinds = [], {}
    with serving(server, engine, best, plan, venv) as running:
        running.load(SWEEP_CLIENTS, plan.warm_up_seconds)
        for clients in plan.clients:
            load = running.load(clients, plan.seconds)
            runs.append(load.to_json() | {"pss_mb": running.pss_mb()})
        for kind in plan.kinds:
            load = running.load(SWEEP_CLIENTS, plan.sweep_seconds, kind)
            kinds[kind] = load.to_json() | {"pss_mb": running.pss_mb()}
    return {
        "tuning": asdict(best),
        "start_s": running.start_s,
        "first_answer": running.first_answer[:400],
        "runs": runs,
        "kinds": kinds,
    }


@contextmanager
def serving(
    server: Server, engine: str, tuning: Tuning, plan: Plan, venv: Path
) -> Iterator[Running]:
    """Run the server while the `with` lasts; raises RuntimeError if it does not answer."""
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
            first, content_type = server.encode(plan.photos[0]), bodies.content_type(server.body)
            answer = processes.first_answer(process, url, first, content_type, PATIENCE)
            start_s = round(time.perf_counter() - start, 2)
            yield Running(server, process, mark, url, home, answer, start_s)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; its log ends: {_tail(home / 'log')}") from error
        finally:
            processes.stop(process, mark)


@contextmanager
def ours(plan: Plan, tuning: Tuning, name: str = "ours") -> Iterator[Running]:
    """Run a server of ours, warmed up, while the `with` lasts."""
    server = next(server for server in SERVERS if server.name == name)
    venv = environments.install(name, server.requirements("openvino"))
    with serving(server, "openvino", tuning, plan, venv) as running:
        running.load(SWEEP_CLIENTS, plan.warm_up_seconds)
        yield running


def environment(
    server: Server, engine: str, tuning: Tuning, plan: Plan, venv: Path, home: Path
) -> dict[str, str]:
    """Return the environment variables of a server, which its command may name too."""
    ports = _free_ports(5)
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
        "APP": str(HERE / server.name),
        "BIN": str(venv / "bin"),
        "PYTHONPATH": f"{HERE / server.name}:{ROOT}",
        "HF_HUB_OFFLINE": "1",
    }
    values["PATH"] = f"{venv / 'bin'}:{values['PATH']}"
    return values | {name: text.format(**values) for name, text in server.environment.items()}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:].strip()
