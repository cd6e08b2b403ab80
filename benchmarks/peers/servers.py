"""The table of servers that are compared: ours, and each peer."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import ours
from benchmarks.servers import Server

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Peer(Server):
    """A server that serves `engine.py`'s models; its code is in a folder of its name."""

    engines: tuple[str, ...] = ("torch", "openvino", "openvino-pillow")  # see engines/
    imports_torch: bool = False  # whatever the engine

    @property
    def folder(self) -> Path:
        """The folder of its code."""
        return HERE / self.name

    def environment_name(self, engine: str) -> str:
        """Return the name of the virtual environment that it is installed in with this engine."""
        return f"{self.name}-{_package(engine)}"

    def requirements(self, engine: str) -> list[Path]:
        """Return the files that pin all packages of this server with this engine."""
        engine = _package(engine)
        engines = [engine, "torch"] if self.imports_torch and engine != "torch" else [engine]
        files = [self.name + "/requirements.txt", *(f"engines/{each}.txt" for each in engines)]
        return [HERE / file for file in files]


def _package(engine: str) -> str:
    return engine.partition("-")[0]


_BATCHES = (1, 8)

SERVERS: tuple[Server, ...] = (
    ours.STACK,
    ours.APP,
    Peer(
        "flask",
        "Flask + Gunicorn",
        "exec {BIN}/gunicorn --chdir {APP} --bind 127.0.0.1:{PORT} --workers {WORKERS} "
        "--timeout 120 app:app",
        "gunicorn",
    ),
    Peer(
        "naive",
        "naive baseline (loads the model for every request)",
        "exec {BIN}/gunicorn --chdir {APP} --bind 127.0.0.1:{PORT} --workers 1 "
        "--timeout 120 app:app",
        "gunicorn",
        engines=("torch",),
        shapes=((1, 2),),
    ),
    Peer(
        "fastapi",
        "FastAPI + Uvicorn",
        "exec {BIN}/uvicorn --app-dir {APP} --host 127.0.0.1 --port {PORT} --workers {WORKERS} "
        "--log-level warning app:app",
        "fastapi",
    ),
    Peer("litserve", "LitServe", "exec {BIN}/python {APP}/app.py", "litserve", batches=_BATCHES),
    Peer(
        "bentoml",
        "BentoML",
        "exec {BIN}/bentoml serve --working-dir {APP} --host 127.0.0.1 --port {PORT} "
        "app:Classifier",
        "bentoml",
        form_field="images",
        batches=_BATCHES,
        environment={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        "mosec",
        "Mosec",
        "exec {BIN}/python {APP}/app.py --address 127.0.0.1 --port {PORT} --timeout 120000 "
        "--path {HOME}/mosec --log-level warning",
        "mosec",
        body="raw",
        path="/inference",
        batches=_BATCHES,
    ),
    Peer(
        "rayserve",
        "Ray Serve",
        "exec {BIN}/python {APP}/app.py",
        "ray",
        body="raw",
        path="/",
        batches=_BATCHES,
        environment={"RAY_USAGE_STATS_ENABLED": "0"},
    ),
    Peer(
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
    Peer(
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
