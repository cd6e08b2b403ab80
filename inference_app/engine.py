"""Runs the network of a prepared model on the CPU, with OpenVINO."""

import threading
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from inference_app.errors import PreparedModelError
from inference_app.prepared import PreparedModel
from inference_app.timing import Timing


class Engine:
    """A compiled network. Make it after the fork: OpenVINO's threads do not survive one."""

    def __init__(self, model: PreparedModel, threads: int) -> None:
        """Compile for one picture at a time on `threads` CPU threads.

        Raises PreparedModelError if OpenVINO cannot read or compile the network.
        """
        core = openvino.Core()
        height, width = model.preprocessing.crop
        try:
            network = core.read_model(model.folder / "model.xml")
            network.reshape([1, height, width, 3])  # varying shapes make memory grow
            compiled = core.compile_model(network, "CPU", _options(core, model.precision, threads))
        except RuntimeError as error:
            raise PreparedModelError(f"{model.folder} cannot be compiled: {error}") from error
        self._request = compiled.create_infer_request()
        self._busy = threading.Lock()

    def infer(self, pixels: NDArray[np.uint8], timing: Timing) -> NDArray[np.float32]:
        """Return the logits, float32 (classes,), of one picture, uint8 (H, W, 3)."""
        with timing.stage("queue"):
            self._busy.acquire()
        try:
            return self._infer(pixels, timing)
        finally:
            self._busy.release()

    def _infer(self, pixels: NDArray[np.uint8], timing: Timing) -> NDArray[np.float32]:
        with timing.stage("infer"):
            outputs = self._request.infer([pixels[np.newaxis]], share_inputs=True)
            logits: NDArray[np.float32] = outputs[0][0]
            return logits


def _options(core: openvino.Core, precision: str, threads: int) -> dict[str, Any]:
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    bf16 = precision == "bf16" or (precision == "auto" and native)
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Pinned workers would all sit on the same first cores.
        "ENABLE_CPU_PINNING": False,
    }
