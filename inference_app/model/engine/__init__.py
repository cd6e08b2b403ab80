"""What runs a network: one protocol, and a module for each library that fulfils it."""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from inference_app.errors import PreparedModelError
from inference_app.model import prepared
from inference_app.model.batcher import SupportsInfer
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.prepared import PreparedModel


class Engine(SupportsInfer, Protocol):
    """A network, ready to run; `seconds` is what one picture takes while nothing else runs."""

    seconds: float


def check_installed(model: PreparedModel) -> None:
    """Raise PreparedModelError if what the model's engine needs is not installed here."""
    if model.engine == "torch" and not (find_spec("torch") and find_spec("transformers")):
        raise PreparedModelError(
            f"{model.folder} needs torch, which is not installed here: serve it from the "
            "environment that requirements/install.sh prepare makes"
        )


def preload(folder: Path) -> None:
    """Import torch before workers are forked, which then share its memory, if a model needs it.

    Importing starts no thread and does not touch a GPU; an error is for the workers to report.
    """
    with suppress(PreparedModelError, ImportError):
        if prepared.engine_of(prepared.read_manifest(folder)) == "torch":
            import inference_app.model.engine.torch_runtime  # noqa: F401


def load_engine(model: PreparedModel, threads: int) -> Engine:
    """Make the engine of a model, on so many CPU threads, and run each batch size once.

    To be called after the fork: no engine's threads survive one. Raises PreparedModelError.
    """
    check_installed(model)
    if model.engine == "torch":
        from inference_app.model.engine.torch import TorchEngine  # hundreds of MB: only if needed

        return TorchEngine(model, threads)
    return OpenVinoEngine(model, threads)
