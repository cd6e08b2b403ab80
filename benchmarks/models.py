"""Models to measure speed and memory with: real architectures, random weights."""

import sys
from functools import partial
from pathlib import Path

from inference_app.prepare import is_prepared, prepare_model

FOLDER = Path("models")
_report = partial(print, file=sys.stderr)


def random_resnet_50() -> Path:
    """Prepare a ResNet-50 as microsoft/resnet-50 is, but untrained; return its folder."""
    folder, source = FOLDER / "random-resnet-50", FOLDER / "random-resnet-50-source"
    if not source.exists():
        _save_resnet_50(source)
    if not is_prepared(folder, str(source), None, "auto", folder.name):
        prepare_model(str(source), folder, None, "auto", folder.name, _report)
    return folder


def _save_resnet_50(folder: Path) -> None:
    import torch
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

    torch.manual_seed(0)
    ResNetForImageClassification(ResNetConfig(num_labels=1000)).save_pretrained(folder)
    processor = ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875, resample=3)
    processor.save_pretrained(folder)
