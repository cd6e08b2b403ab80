"""The table of servers: how each is started, what it is posted, what of it can be tuned."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import bodies
from benchmarks.peers.bodies import Body
from inference_app.config import Settings
from inference_app.cpus import available_cpus

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Tuning:
    """Worker processes, CPU threads of each, and the largest batch (1: not batched)."""

    workers: int
    threads: int
    batch: int = 1

    def __str__(self) -> str:
        batch = f", batches of {self.batch}" if self.batch > 1 else ""
        return f"{self.workers} x {self.threads}{batch}"


@dataclass(frozen=True)
class Server:
    """A row. `command` is a shell's, with `environment`'s names of measure.py in braces."""

    name: str
    title: str
    command: str
    package: str
    body: Body = "multipart"
    form_field: str = "image"
    path: str = "/predict"
    engines: tuple[str, ...] = ("torch", "openvino", "openvino-pillow")  # see engines/
    batches: tuple[int, ...] = (1,)
    shapes: tuple[tuple[int, int], ...] = (
        (1, 2),
        (2, 1),
    )  # for two cores; where (2, 2) was tried, it lost
    needs: tuple[str, ...] = ()
    imports_torch: bool = False  # whatever the engine
    environment: dict[str, str] = field(default_factory=dict)

    def tunings(self) -> Iterator[Tuning]:
        """Yield what the sweep tries. One worker with one thread cannot use two cores."""
        for batch in self.batches:
            for workers, threads in self.shapes:
                yield Tuning(workers, threads, batch)

    def encode(self, picture: bytes) -> bytes:
        """Return the body of a request for a picture."""
        return bodies.encode(picture, self.body, self.form_field)

    @property
    def is_ours(self) -> bool:
        """Tell whether it is this project's, which has one engine."""
        return self.name.startswith("ours")

    def environment_name(self, engine: str) -> str:
        """Return the name of the virtual environment that it runs in."""
        return self.name if self.is_ours else f"{self.name}-{_package(engine)}"

    def requirements(self, engine: str) -> list[Path]:
        """Return the files that pin all packages of this server with this engine."""
        if self.is_ours:
            return [ROOT / "requirements/serve.txt"]
        engine = _package(engine)
        engines = [engine, "torch"] if self.imports_torch and engine != "torch" else [engine]
        files = [self.name + "/requirements.txt", *(f"engines/{each}.txt" for each in engines)]
        return [HERE / file for file in files]


def _package(engine: str) -> str:
    return engine.partition("-")[0]


_BATCHES = (1, 8)
DEFAULT = Tuning(Settings().workers, available_cpus())  # ours is measured as it comes
_OURS = {"INFERENCE_THREADS": "{THREADS}", "THREADS": "", "MODEL_PATH": "{MODEL_PREPARED}"}
_APP = "{BIN}/python -m inference_app serve"

SERVERS = (
    Server(
        "ours",
        "ours (NGINX + Gunicorn)",
        # As run_local.sh does; whoever stops the shell stops both.
        "trap 'trap - TERM; kill 0' TERM; "
        f"PORT={{PORT2}} {_APP} & NGINX_PORT={{PORT}} PORT={{PORT2}} "
        f"'{ROOT}/nginx/start.sh' '{{HOME}}/nginx' & wait",
        "gunicorn",
        engines=("openvino",),
        shapes=((DEFAULT.workers, DEFAULT.threads),),
        needs=("nginx",),
        environment=_OURS,
    ),
    Server(
        "ours-app",
        "ours without NGINX",
        f"exec {_APP}",
        "gunicorn",
        engines=("openvino",),
        shapes=((DEFAULT.workers, DEFAULT.threads),),
        environment=_OURS,
    ),
    Server(
        "flask",
        "Flask + Gunicorn",
        "exec {BIN}/gunicorn --chdir {APP} --bind 127.0.0.1:{PORT} --workers {WORKERS} "
        "--timeout 120 app:app",
        "gunicorn",
    ),
    Server(
        "elder",
        "the elder (loads the model on every request)",
        "exec {BIN}/gunicorn --chdir {APP} --bind 127.0.0.1:{PORT} --workers 1 "
        "--timeout 120 app:app",
        "gunicorn",
        engines=("torch",),
        shapes=((1, 2),),
    ),
    Server(
        "fastapi",
        "FastAPI + Uvicorn",
        "exec {BIN}/uvicorn --app-dir {APP} --host 127.0.0.1 --port {PORT} --workers {WORKERS} "
        "--log-level warning app:app",
        "fastapi",
    ),
    Server("litserve", "LitServe", "exec {BIN}/python {APP}/app.py", "litserve", batches=_BATCHES),
    Server(
        "bentoml",
        "BentoML",
        "exec {BIN}/bentoml serve --working-dir {APP} --host 127.0.0.1 --port {PORT} "
        "app:Classifier",
        "bentoml",
        form_field="images",
        batches=_BATCHES,
        environment={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Server(
        "mosec",
        "Mosec",
        "exec {BIN}/python {APP}/app.py --address 127.0.0.1 --port {PORT} --timeout 120000 "
        "--path {HOME}/mosec --log-level warning",
        "mosec",
        body="raw",
        path="/inference",
        batches=_BATCHES,
    ),
    Server(
        "rayserve",
        "Ray Serve",
        "exec {BIN}/python {APP}/app.py",
        "ray",
        body="raw",
        path="/",
        batches=_BATCHES,
        environment={"RAY_USAGE_STATS_ENABLED": "0"},
    ),
    Server(
        "mlserver",
        "MLServer",
        "exec {BIN}/mlserver start {HOME}",
        "mlserver",
        body="v2",
        path="/v2/models/resnet/infer",
        batches=_BATCHES,
        environment={
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{PORT}",
            "MLSERVER_GRPC_PORT": "{PORT2}",
            "MLSERVER_METRICS_PORT": "{PORT3}",
            "MLSERVER_DEBUG": "false",
            "MLSERVER_PARALLEL_WORKERS": "{WORKERS}",
            "MLSERVER_MODEL_NAME": "resnet",
            "MLSERVER_MODEL_IMPLEMENTATION": "app.Classifier",
            "MLSERVER_MODEL_MAX_BATCH_SIZE": "{BATCH}",
            "MLSERVER_MODEL_MAX_BATCH_TIME": "0.01",
        },
    ),
    Server(
        "torchserve",
        "TorchServe",
        "exec {BIN}/python {APP}/app.py",
        "torchserve",
        body="raw",
        path="/predictions/resnet",
        batches=_BATCHES,
        needs=("java",),
        imports_torch=True,
    ),
)
