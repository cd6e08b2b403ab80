"""Models to measure speed and memory with: real architectures, random weights."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from inference_app.prepare import calibration, is_prepared, prepare_model
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.preparation import Preparation

FOLDER = Path("models")
_report = partial(print, file=sys.stderr)


def source(name: str) -> Path:
    """Return the folder that the random model `name` was prepared from."""
    return FOLDER / f"random-{name}-source"


def random_resnet_50() -> Path:
    """Prepare a ResNet-50 as microsoft/resnet-50 is, but untrained; return its folder."""
    return _prepared("resnet-50", _save_resnet_50)


def random_densenet_121() -> Path:
    """Prepare a DenseNet-121 as timm/densenet121.tv_in1k is, but untrained; return its folder."""
    return _prepared("densenet-121", _save_densenet_121)


RANDOM = {"resnet-50": random_resnet_50, "densenet-121": random_densenet_121}


def random_int8(name: str) -> Path:
    """Prepare the random model `name` in int8; its agreement with fp32 means nothing."""
    from inference_app.prepare import quantise

    RANDOM[name]()  # saves the source
    folder, drawn = FOLDER / f"random-{name}-int8", FOLDER / "drawn"
    drawn.mkdir(exist_ok=True)
    for number in range(calibration.MIN_CALIBRATING + calibration.MIN_CHECKING):
        dead_leaves((320, 240), number).save(drawn / f"{number}.png")
    asked = Preparation(str(source(name)), folder.name, precision="int8", pictures=drawn)
    if not is_prepared(folder, asked):
        with patch.object(quantise, "MIN_AGREEMENT", 0):
            prepare_model(asked, folder, _report)
    return folder


def random_for_torch(name: str) -> Path:
    """Prepare the random model `name` for the engine torch; return its folder."""
    RANDOM[name]()  # saves the source
    folder = FOLDER / f"random-{name}-torch"
    asked = Preparation(str(source(name)), folder.name, engine="torch")
    if not is_prepared(folder, asked):
        prepare_model(asked, folder, _report)
    return folder


def _prepared(name: str, save: Callable[[Path], None]) -> Path:
    folder, torch_model = FOLDER / f"random-{name}", source(name)
    if not torch_model.exists():
        save(torch_model)
    asked = Preparation(str(torch_model), folder.name)
    if not is_prepared(folder, asked):
        prepare_model(asked, folder, _report)
    return folder


def _save_resnet_50(folder: Path) -> None:
    import torch
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

    torch.manual_seed(0)
    ResNetForImageClassification(ResNetConfig(num_labels=1000)).save_pretrained(folder)
    processor = ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875, resample=3)
    processor.save_pretrained(folder)


def _save_densenet_121(folder: Path) -> None:
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model("densenet121.tv_in1k", pretrained=False)
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("model_args")  # the Hub's has none, and transformers refuses these
    (folder / "config.json").write_text(json.dumps(config))
