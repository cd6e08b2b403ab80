"""A tiny classifier for each engine, which takes every picture for an espresso."""

from pathlib import Path

import torch
import transformers

from inference_app.prepare import prepare_model
from inference_app.prepare.preparation import Preparation
from tests.prepare.conftest import save_tiny_resnet

ENGINES = ("openvino", "torch")
LABELS = {0: "espresso", 1: "teapot", 2: "lemon"}
IDS = ["n07920052", "n04398044", "n07749582"]


def prepare_tiny(engine: str, folder: Path, precision: str = "fp32") -> Path:
    """Prepare the classifier below `folder`; return where."""
    source = save_tiny_resnet(folder / "source", id2label=LABELS, wordnet_ids=IDS)
    model = transformers.ResNetForImageClassification.from_pretrained(source)
    head = model.classifier[-1]
    torch.nn.init.constant_(head.bias[:1], 9)
    model.save_pretrained(source)
    asked = Preparation(str(source), "tiny", precision=precision, engine=engine)
    prepare_model(asked, folder / engine, print)
    return folder / engine
