"""Classifiers in ONNX files: OpenVINO reads them, and is held against ONNX Runtime.

The reference is a library of its own, since OpenVINO would agree with itself.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torchvision import transforms

from inference_app.errors import PrepareError
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.huggingface import load_processor
from inference_app.prepare.labels import labels_in, labels_of_imagenet
from inference_app.prepare.onnx_network import OnnxNetwork
from inference_app.prepare.original import Answer, Original
from inference_app.prepare.processor import preprocessing_of
from inference_app.prepare.reason import first_line
from inference_app.prepare.source import Source

# Of operators: ONNX's own, and those that ONNX Runtime has beside them.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of values from 0 to 1

Size = tuple[int | None, int | None]  # height and width; None is any
Normalise = Callable[[Image.Image], torch.Tensor]  # from a picture to (1, 3, H, W)


def load(
    file: Path, labels: Path | None, input_size: int | None, report: Callable[[str], None]
) -> Original:
    """Read a classifier with one input, float32 (N, 3, H, W), and one output (N, classes).

    A preprocessor_config.json beside it says what pictures go through; without one, ImageNet's
    usual steps are assumed, which `report` is told. `input_size` is for a graph that takes any.
    Raises PrepareError.
    """
    graph = _read(file)
    network = OnnxNetwork(file, _session(file))
    _check_ends(file, network)
    size = _size(file, network.size, input_size)
    preprocessing, normalise = _preprocessing(file, size, report)
    drawn = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 3, *preprocessing.crop)))
    logits = _run(file, network, drawn.float())
    activation = "none" if _are_scores(graph, logits) else "softmax"
    names = labels_in(labels) if labels else labels_of_imagenet()
    if len(names) != logits.shape[1]:
        raise PrepareError(
            f"{file} has {logits.shape[1]} classes: name them, in order, with --labels FILE"
        )
    answer = partial(_answer, network, normalise, activation, names)
    return Original(network, preprocessing, names, activation, answer)


def _read(file: Path) -> onnx.ModelProto:
    """Read a graph without its external data, and refuse what nobody should run."""
    try:
        model = onnx.load(file, format="protobuf", load_external_data=False)
    except Exception as error:
        raise PrepareError(f"{file} is not an ONNX file: {first_line(error)}") from error
    if not model.graph.node:
        raise PrepareError(f"{file} is not an ONNX file: it has no graph")
    own = {(each.domain, each.name) for each in model.functions}
    for node in model.graph.node:
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own:
            raise PrepareError(f"{file} needs the custom operator {node.domain}.{node.op_type}")
    for tensor in _tensors(model):
        _check_external(file, tensor)
    return model


def _tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Yield every tensor within, in attributes, subgraphs and functions too."""
    for field, value in message.ListFields():
        if field.message_type:
            for each in [value] if hasattr(value, "ListFields") else value:
                if isinstance(each, onnx.TensorProto):
                    yield each
                yield from _tensors(each)


def _check_external(file: Path, tensor: onnx.TensorProto) -> None:
    """Refuse weights in other files, unless these are in the file's own folder."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return
    location = next((each.value for each in tensor.external_data if each.key == "location"), "")
    weights, folder = (file.parent / location).resolve(), file.parent.resolve()
    if not weights.is_relative_to(folder):
        raise PrepareError(f"{file} wants weights from outside its folder ({location}): refused")
    if not weights.is_file():
        raise PrepareError(f"{file} has its weights in {location}, which is not beside it")


def _session(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PrepareError(f"{file} cannot be loaded: {first_line(error)}") from error


def _check_ends(file: Path, network: OnnxNetwork) -> None:
    """Refuse what is not a classifier of pictures, by its inputs and outputs."""
    inputs, outputs = network.session.get_inputs(), network.session.get_outputs()
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise PrepareError(f"{file} has {len(inputs)} inputs ({names}): a classifier has one")
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        shapes = ", ".join(str(each.shape) for each in outputs)
        raise PrepareError(f"{file} is no classifier: it gives {shapes}, not (N, classes) alone")
    (taken,) = inputs
    if taken.type != "tensor(float)" or len(taken.shape) != 4:
        raise PrepareError(f"{file} takes {taken.type} {taken.shape}, not float32 (N, 3, H, W)")
    batch, channels, _, width = taken.shape
    if width == 3:
        raise PrepareError(f"{file} takes its channels last: export it for (N, 3, H, W)")
    if isinstance(channels, int) and channels != 3:
        raise PrepareError(f"{file} takes pictures of {channels} channels, not of 3")
    if isinstance(batch, int) and batch != 1:
        raise PrepareError(f"{file} takes {batch} pictures at a time: export it for 1 or for any")


def _preprocessing(
    file: Path, size: Size, report: Callable[[str], None]
) -> tuple[Preprocessing, Normalise]:
    """Return what pictures go through, as numbers and as another library does it."""
    if file.with_name("preprocessor_config.json").exists():
        processor = load_processor(Source(file.stem, "", file.parent))
        found = preprocessing_of(processor)
        if any(edge not in (None, cropped) for edge, cropped in zip(size, found.crop, strict=True)):
            raise PrepareError(f"{file} takes {size} pixels, preprocessor_config.json {found.crop}")
        return found, _by(processor)
    height, width = size
    if not height or not width:
        raise PrepareError(f"{file} takes pictures of any size: say which with --input-size PIXELS")
    found = _imagenet(height, width)
    report(
        f"No preprocessor_config.json is beside it. Assumed: pictures are resized to "
        f"{found.resize}, cropped to {height} x {width}, and normalised with ImageNet's mean "
        f"{MEAN} and deviation {STD}"
    )
    return found, _by_torchvision(found)


def _size(file: Path, fixed: Size, wanted: int | None) -> Size:
    """Return height and width, as the graph says or as wanted."""
    if wanted and any(edge not in (None, wanted) for edge in fixed):
        raise PrepareError(f"{file} takes pictures of {fixed} pixels: leave --input-size out")
    return fixed[0] or wanted, fixed[1] or wanted


def _imagenet(height: int, width: int) -> Preprocessing:
    """Return torchvision's usual steps: 224 pixels out of the middle of 256."""
    return Preprocessing(
        resize=round(height * 256 / 224) if height == width else (height, width),
        crop=(height, width),
        interpolation="bilinear",
        mean=tuple(255 * each for each in MEAN),
        std=tuple(255 * each for each in STD),
        crop_rounding="half_even",
    )


def _by_torchvision(found: Preprocessing) -> Normalise:
    steps = (
        transforms.Resize(found.resize),
        transforms.CenterCrop(found.crop),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    )
    return lambda picture: transforms.Compose(steps)(picture)[None]


def _by(processor: Any) -> Normalise:
    return lambda picture: processor(picture, return_tensors="pt")["pixel_values"]


def _run(file: Path, network: OnnxNetwork, pixels: torch.Tensor) -> np.ndarray[Any, Any]:
    try:
        logits: np.ndarray[Any, Any] = network(pixels).numpy()
        return logits
    except Exception as error:
        raise PrepareError(f"{file} cannot be run: {first_line(error)}") from error


def _are_scores(model: onnx.ModelProto, logits: np.ndarray[Any, Any]) -> bool:
    """Tell whether a softmax or a sigmoid is in the graph: what comes out needs no other."""
    last = next(node for node in model.graph.node if model.graph.output[0].name in node.output)
    shares = bool((logits >= 0).all() and (np.abs(logits.sum(axis=1) - 1) < 1e-3).all())
    return shares or last.op_type == "Sigmoid"


def _answer(
    network: OnnxNetwork,
    normalise: Normalise,
    activation: str,
    names: list[dict[str, str]],
    picture: Image.Image,
) -> Answer:
    logits = network(normalise(picture))[0]
    score, best = (logits.softmax(0) if activation == "softmax" else logits).max(0)
    return Answer(logits.numpy(), names[int(best)]["label"], float(score))
