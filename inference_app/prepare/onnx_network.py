"""An ONNX classifier, as ONNX Runtime runs it and as OpenVINO reads it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference_app.model.runtime import openvino


class OnnxNetwork(torch.nn.Module):
    """The network of a file; `session` is ONNX Runtime's."""

    def __init__(self, file: Path, session: Any) -> None:
        super().__init__()
        self.file, self.session = file, session

    @property
    def size(self) -> tuple[int | None, int | None]:
        """The height and width that it takes; None is any."""
        height, width = (each if isinstance(each, int) else None for each in self._input.shape[2:])
        return height, width

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return the output (N, classes) for normalised pixels, float32 (N, 3, H, W)."""
        # One by one: the graph may take no more.
        rows = [
            self.session.run(None, {self._input.name: pixels[np.newaxis]})[0]
            for pixels in pixel_values.numpy()
        ]
        return torch.from_numpy(np.concatenate(rows))

    def to_openvino(self, height: int, width: int) -> openvino.Model:
        """Read the file with OpenVINO, for batches of any size; raises what OpenVINO does.

        Raises ValueError if the graph is one for a single picture.
        """
        model = openvino.Core().read_model(self.file)
        model.reshape([-1, 3, height, width])
        if isinstance(self._input.shape[0], int):
            self._check_batches(model, height, width)
        return model

    @property
    def _input(self) -> Any:
        return self.session.get_inputs()[0]

    def _check_batches(self, model: openvino.Model, height: int, width: int) -> None:
        """Compare two pictures together with each alone: a reshape within may mix them."""
        pixels = np.random.default_rng(1).normal(size=(2, 3, height, width)).astype(np.float32)
        compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        together, alone = compiled([pixels])[0], self(torch.from_numpy(pixels)).numpy()
        if together.shape != alone.shape or not np.allclose(together, alone, rtol=1e-2, atol=1e-3):
            raise ValueError("a batch of 1 is built into it; export it with a dynamic batch")
