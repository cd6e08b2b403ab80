"""torchvision's ResNet-50 and DenseNet-121 out of a .pth or .pkl file, of which nothing is run."""

import collections
import pickle
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from PIL import Image
from torchvision.models import densenet, resnet
from torchvision.transforms._presets import ImageClassification

from inference_app.errors import PrepareError
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.labels import labels_in, labels_of_imagenet
from inference_app.prepare.original import Answer, Original
from inference_app.prepare.reason import first_line

# What a file may name besides tensors: the parts of these two networks. They are never called:
# their tensors are put into a network that torchvision makes.
_PARTS = [
    collections.OrderedDict,
    set,
    resnet.ResNet,
    resnet.Bottleneck,
    densenet.DenseNet,
    densenet._DenseBlock,
    densenet._DenseLayer,
    densenet._Transition,
    torch.nn.Sequential,
    torch.nn.Conv2d,
    torch.nn.BatchNorm2d,
    torch.nn.ReLU,
    torch.nn.Linear,
    torch.nn.MaxPool2d,
    torch.nn.AvgPool2d,
    torch.nn.AdaptiveAvgPool2d,
]
_NETWORKS = {
    "fc.weight": torchvision.models.resnet50,
    "classifier.weight": torchvision.models.densenet121,
}
# As in torchvision's own files from before 2018: norm.1 is norm1 today.
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
_WAY_OUT = (
    "Files of torchvision's resnet50 and densenet121 are read; convert others to Hugging Face "
    "format or ONNX"
)
_SEES = Preprocessing(
    resize=256,
    crop=(224, 224),
    interpolation="bilinear",
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    crop_rounding="half_even",
)


def load(file: Path, labels: Path | None) -> Original:
    """Read a state dict or a pickled network; raises PrepareError."""
    network = _network(file, _tensors_of(file))
    names = labels_in(labels) if labels else labels_of_imagenet()
    classes = len(list(network.parameters())[-1])
    if len(names) != classes:
        raise PrepareError(f"{file} has {classes} classes: name them, in order, with --labels FILE")

    def answer(picture: Image.Image) -> Answer:
        with torch.inference_mode():
            logits = network(ImageClassification(crop_size=224)(picture)[None])[0]
        score, best = logits.softmax(0).max(0)
        return Answer(logits.numpy(), names[int(best)]["label"], float(score))

    return Original(network, _SEES, names, "softmax", answer)


def _read(file: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_PARTS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that it then refuses
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"names {named[1]}" if named else "is not a file that torch.save wrote"
        raise PrepareError(f"{file} {what}, and a pickle may run code. {_WAY_OUT}") from error
    except Exception as error:
        raise PrepareError(f"{file} cannot be read: {first_line(error)}") from error


def _tensors_of(file: Path) -> dict[str, torch.Tensor]:
    held = _read(file)
    try:
        return dict(_tensors(held))
    except RecursionError as error:
        raise PrepareError(f"{file} holds a network that holds itself. {_WAY_OUT}") from error


def _tensors(held: Any, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield names and tensors of a state dict, or of a network without calling any of it."""
    if isinstance(held, torch.nn.Module):
        parts = vars(held)
        for kind in ("_parameters", "_buffers"):
            yield from _tensors(parts.get(kind), prefix)
        modules = parts.get("_modules")
        for name, module in modules.items() if isinstance(modules, dict) else ():
            yield from _tensors(module, f"{prefix}{name}.")
    elif isinstance(held, dict):
        for name, tensor in held.items():
            if isinstance(tensor, torch.Tensor):
                yield f"{prefix}{_new_name(str(name))}", tensor


def _new_name(name: str) -> str:
    return _OLD_NAME.sub(r"\1\2", name)


def _network(file: Path, tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    head = next((name for name in _NETWORKS if name in tensors), None)
    if head is None:
        raise PrepareError(f"{file} holds neither of the networks that are known. {_WAY_OUT}")
    try:
        with torch.device("meta"):
            network: torch.nn.Module = _NETWORKS[head](num_classes=len(tensors[head]))
        # Old files lack these counters, which only training reads.
        scalars = [name for name, each in network.state_dict().items() if each.dim() == 0]
        counters = {name: torch.zeros((), dtype=torch.long) for name in scalars}
        network.load_state_dict(counters | tensors, assign=True)
        return network.float().eval()
    except Exception as error:
        name, why = _NETWORKS[head].__name__, " ".join(str(error).split())
        raise PrepareError(f"{file} is not {name}: {first_line(ValueError(why))}") from error
