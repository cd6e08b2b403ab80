"""Runs the network of a prepared model on the CPU, with OpenVINO."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app.errors import PreparedModelError
from inference_app.model.prepared import PreparedModel
from inference_app.model.runtime import openvino


class OpenVinoEngine:
    """A compiled network. Make it after the fork: OpenVINO's threads do not survive one."""

    batch_sizes: tuple[int, ...] = (1, 2, 4)  # no others: each costs memory

    def __init__(self, model: PreparedModel, threads: int) -> None:
        """Compile for batches of `batch_sizes` on `threads` CPU threads, and run each once.

        `seconds` is then what one picture takes while nothing else runs.

        Raises PreparedModelError if OpenVINO cannot read, compile or run the network.
        """
        core = openvino.Core()
        height, width = model.preprocessing.crop
        try:
            network = core.read_model(model.folder / "model.xml")
            network.reshape([openvino.Dimension(1, max(self.batch_sizes)), height, width, 3])
            compiled = core.compile_model(network, "CPU", _options(core, model.precision, threads))
            self._request = compiled.create_infer_request()
            for size in self.batch_sizes:
                self.infer(np.zeros((size, height, width, 3), np.uint8))
            one = np.zeros((1, height, width, 3), np.uint8)
            self.seconds = min(self._time(one) for _ in range(3))
        except RuntimeError as error:
            raise PreparedModelError(f"{model.folder} cannot be compiled: {error}") from error

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits, float32 (N, classes), of pictures, uint8 (N, H, W, 3).

        N is one of `batch_sizes`. One call at a time: see batcher.py.
        """
        logits: NDArray[np.float32] = self._request.infer([pixels], share_inputs=True)[0]
        return logits

    def _time(self, pixels: NDArray[np.uint8]) -> float:
        start = time.perf_counter()
        self.infer(pixels)
        return time.perf_counter() - start


def arithmetic(core: openvino.Core, precision: str) -> str:
    """Return what a model's `precision` means on this CPU: ``auto`` is the faster, bf16 or fp32."""
    if precision != "auto":
        return precision
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if native else "fp32"


def _options(core: openvino.Core, precision: str, threads: int) -> dict[str, Any]:
    return {
        # A network in int8 says so itself; what is left of it was checked in fp32.
        "INFERENCE_PRECISION_HINT": "bf16" if arithmetic(core, precision) == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Pinned workers would all sit on the same first cores.
        "ENABLE_CPU_PINNING": False,
    }
