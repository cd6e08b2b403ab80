"""Our server as it is measured: the whole stack, or the app without NGINX."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.servers import ROOT, Server, Tuning
from benchmarks.serving import SWEEP_CLIENTS, Plan, Running, free_ports, serving
from inference_app.config import Settings
from inference_app.cpus import available_cpus

DEFAULT = Tuning(Settings().workers, available_cpus())


@dataclass(frozen=True)
class Ours(Server):
    """A server of this project; it has one engine."""

    def environment_name(self, engine: str) -> str:  # noqa: ARG002 there is one engine
        """Return the name of its virtual environment."""
        return self.name

    def requirements(self, engine: str) -> list[Path]:  # noqa: ARG002 as above
        """Return the file that pins what serving needs."""
        return [ROOT / "requirements/serve.txt"]


_SHAPES = ((DEFAULT.workers, DEFAULT.threads),)
_SETTINGS = {"INFERENCE_THREADS": "{THREADS}", "THREADS": "", "MODEL_PATH": "{MODEL_PREPARED}"}
_APP = "{BIN}/python -m inference_app serve"

STACK = Ours(
    "ours",
    "ours (NGINX + Gunicorn)",
    # As run_local.sh does: to stop the shell is to stop both.
    "trap 'trap - TERM; kill 0' TERM; "
    f"PORT={{PORT2}} {_APP} & NGINX_PORT={{PORT}} PORT={{PORT2}} "
    f"'{ROOT}/nginx/start.sh' '{{HOME}}/nginx' & wait",
    "gunicorn",
    shapes=_SHAPES,
    needs=("nginx",),
    environment=_SETTINGS,
)
APP = Ours(
    "ours-app",
    "ours without NGINX",
    f"exec {_APP}",
    "gunicorn",
    shapes=_SHAPES,
    environment=_SETTINGS,
)


@contextmanager
def running(plan: Plan, tuning: Tuning = DEFAULT, server: Server = STACK) -> Iterator[Running]:
    """Run the server in this Python's environment while the `with` lasts."""
    with serving(server, "openvino", tuning, plan, Path(sys.prefix)) as started:
        yield started


@contextmanager
def warmed_up(plan: Plan, tuning: Tuning = DEFAULT, server: Server = STACK) -> Iterator[Running]:
    """Run the server, and load it for a while before the `with` begins."""
    with running(plan, tuning, server) as started:
        started.load(SWEEP_CLIENTS, plan.warm_up_seconds)
        yield started


@contextmanager
def app_alone(model: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Run the app while the `with` lasts; yield its URL and Gunicorn's process id at once."""
    (port,) = free_ports(1)
    settings = {"MODEL_PATH": str(model), "PORT": str(port), "WORKERS": str(workers)}
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_app", "serve"],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str) -> None:
    """Get a URL until the status is 200. Raises TimeoutError after 60 s."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(f"{url} did not respond")


def gunicorn_workers(shell: int) -> list[int]:
    """Return the process ids of the workers below a shell that started Gunicorn and NGINX."""
    return [
        worker
        for program in processes.children(shell)
        if "gunicorn" in processes.command(program)
        for worker in processes.children(program)
    ]
