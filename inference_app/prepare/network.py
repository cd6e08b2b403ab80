"""From a torch network to OpenVINO IR that takes uint8 pictures."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor
from torch.fx.experimental.const_fold import split_const_subgraphs

from inference_app.errors import PrepareError
from inference_app.model.activation import Scores
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.runtime import openvino
from inference_app.prepare.onnx_network import OnnxNetwork
from inference_app.prepare.reason import first_line

Pixels = NDArray[np.uint8]


class CannotBeConvertedError(PrepareError):
    """OpenVINO lacks something that the network does."""


def write(
    network: torch.nn.Module, preprocessing: Preprocessing, path: Path, precision: str
) -> None:
    """Write the network to `path` (.xml, and .bin beside it); raises PrepareError.

    The input becomes uint8 (N, H, W, 3), with any N; normalisation is folded into the graph.
    Unless `precision` is fp32 the weights are stored in 16 bits: half the size, and finer than
    the bf16 that they are used in.
    """
    height, width = preprocessing.crop
    try:
        with _global_pools(network, max(preprocessing.crop)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about transformers' networks and its own
            if isinstance(network, OnnxNetwork):
                converted = network.to_openvino(height, width)
            else:
                converted = _convert(network, torch.zeros(2, 3, height, width))
        converted.reshape([-1, 3, height, width])
        converted = _take_pictures(converted, preprocessing)
    except Exception as error:
        why = f"the network cannot be converted: {first_line(error)}"
        raise CannotBeConvertedError(why) from error
    save(converted, path, compress_to_fp16=precision != "fp32")


def read(path: Path) -> Callable[[Pixels], Scores]:
    """Return a written network as a function, in fp32, from pixels, uint8 (1, H, W, 3), to logits.

    Raises PrepareError.
    """
    try:
        network = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda pixels: np.array(network([pixels])[0][0])
    except RuntimeError as error:
        raise PrepareError(f"the converted network does not run: {first_line(error)}") from error


@contextmanager
def _global_pools(network: torch.nn.Module, edge: int) -> Iterator[None]:
    """Let pools whose window is larger than any picture, as EfficientNet's, take the whole.

    torch clips such windows; OpenVINO refuses them.
    """
    whole = {
        torch.nn.AvgPool2d: torch.nn.AdaptiveAvgPool2d,
        torch.nn.MaxPool2d: torch.nn.AdaptiveMaxPool2d,
    }
    large = {
        name: pool
        for name, pool in network.named_modules()
        if type(pool) in whole and isinstance(pool.kernel_size, int) and pool.kernel_size > edge
    }
    for name, pool in large.items():
        network.set_submodule(name, whole[type(pool)](1))
    try:
        yield
    finally:
        for name, pool in large.items():
            network.set_submodule(name, pool)


def _convert(network: torch.nn.Module, pixels: torch.Tensor) -> openvino.Model:
    exported = _export(network, pixels)
    try:
        return openvino.convert_model(exported)
    except Exception:  # noqa: BLE001 an operation that it lacks may be one of constants alone
        folded = split_const_subgraphs(exported.module())
        folded.run_folding()
        return openvino.convert_model(_export(folded, pixels))


def _export(network: torch.nn.Module, pixels: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=64)
    return torch.export.export(network, (pixels,), dynamic_shapes=({0: batch},))


def _take_pictures(network: openvino.Model, preprocessing: Preprocessing) -> openvino.Model:
    steps = PrePostProcessor(network)
    pictures = steps.input()
    pictures.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    pictures.model().set_layout(openvino.Layout("NCHW"))
    pictures.preprocess().convert_element_type(openvino.Type.f32)
    pictures.preprocess().mean(list(preprocessing.mean)).scale(list(preprocessing.std))
    if preprocessing.channels == "BGR":
        pictures.preprocess().reverse_channels()
    return steps.build()


def save(network: openvino.Model, path: Path, compress_to_fp16: bool) -> None:
    """Write a network to `path`; raises PrepareError if the disk is full."""
    try:
        openvino.save_model(network, path, compress_to_fp16)
    except RuntimeError as error:  # of a full disk OpenVINO says "iostream error"
        disk = path.parent.parent.parent  # outside the temporary folder
        free = shutil.disk_usage(disk).free / 1e6
        raise PrepareError(
            f"the network cannot be written: the disk of {disk} has {free:.0f} MB left"
        ) from error
