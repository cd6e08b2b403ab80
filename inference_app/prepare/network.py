"""From a torch network to OpenVINO IR that takes uint8 pictures."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from inference_app.errors import PrepareError
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.runtime import openvino
from inference_app.prepare.reason import first_line

# Largest ||ours - theirs|| / ||theirs|| of the logits. In fp32 only the order of additions
# differs; weights stored in 16 bits add their rounding.
TOLERANCE = {"fp32": 1e-3, "auto": 1e-2, "bf16": 1e-2}


class Logits(torch.nn.Module):
    """A transformers classifier as a function from pixel values to logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) of normalised pixels, float32 (N, 3, H, W)."""
        logits: torch.Tensor = self.model(pixel_values=pixel_values).logits
        return logits


def write(model: Any, preprocessing: Preprocessing, path: Path, precision: str) -> None:
    """Write the network to `path` (.xml, and .bin beside it); raises PrepareError.

    The input becomes uint8 (N, H, W, 3), with any N; normalisation is folded into the graph.
    Unless `precision` is fp32 the weights are stored in 16 bits: half the size, and finer than
    the bf16 that they are used in.
    """
    height, width = preprocessing.crop
    try:
        exported = torch.export.export(
            Logits(model),
            (torch.zeros(2, 3, height, width),),
            dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch", min=1, max=64)}},
        )
        network = openvino.convert_model(exported)
        network.reshape([-1, 3, height, width])
        network = _take_pictures(network, preprocessing)
    except Exception as error:
        raise PrepareError(f"the network cannot be converted: {first_line(error)}") from error
    _save(network, path, compress_to_fp16=precision != "fp32")


def _take_pictures(network: openvino.Model, preprocessing: Preprocessing) -> openvino.Model:
    steps = PrePostProcessor(network)
    pictures = steps.input()
    pictures.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    pictures.model().set_layout(openvino.Layout("NCHW"))
    pictures.preprocess().convert_element_type(openvino.Type.f32)
    pictures.preprocess().mean(list(preprocessing.mean)).scale(list(preprocessing.std))
    return steps.build()


def _save(network: openvino.Model, path: Path, compress_to_fp16: bool) -> None:
    try:
        openvino.save_model(network, path, compress_to_fp16)
    except RuntimeError as error:  # of a full disk OpenVINO says "iostream error"
        disk = path.parent.parent.parent  # outside the temporary folder
        free = shutil.disk_usage(disk).free / 1e6
        raise PrepareError(
            f"the network cannot be written: the disk of {disk} has {free:.0f} MB left"
        ) from error


def check(model: Any, preprocessing: Preprocessing, path: Path, precision: str) -> None:
    """Compare the written network's logits with the model's own; raises PrepareError."""
    shape = (2, *preprocessing.crop, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    theirs = reference_logits(model, pixels, preprocessing)
    try:
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        ours = compiled([pixels])[0]
    except RuntimeError as error:
        raise PrepareError(f"the converted network does not run: {first_line(error)}") from error
    difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    if not difference < TOLERANCE[precision]:
        raise PrepareError(
            f"the converted network does not agree with the original "
            f"(relative error {difference:.2g})"
        )


def reference_logits(
    model: Any, pixels: NDArray[np.uint8], preprocessing: Preprocessing
) -> NDArray[np.float32]:
    """Return the model's own logits, float32 (N, classes), of pictures, uint8 (N, H, W, 3)."""
    normalised = (pixels - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    with torch.inference_mode():
        inputs = torch.from_numpy(normalised.astype(np.float32)).permute(0, 3, 1, 2)
        logits: NDArray[np.float32] = Logits(model)(inputs).numpy()
        return logits
