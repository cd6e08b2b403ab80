"""What runs a network: one protocol, and a module for each library that fulfils it."""

from typing import Protocol

from inference_app.model.batcher import SupportsInfer
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.prepared import PreparedModel


class Engine(SupportsInfer, Protocol):
    """A network, ready to run; `seconds` is what one picture takes while nothing else runs."""

    seconds: float


def load_engine(model: PreparedModel, threads: int) -> Engine:
    """Make the engine of a model, on so many CPU threads, and run each batch size once.

    To be called after the fork: no engine's threads survive one. Raises PreparedModelError.
    """
    return OpenVinoEngine(model, threads)
