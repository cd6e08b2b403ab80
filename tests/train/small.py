"""A small random network and small pictures to train it on."""

from pathlib import Path
from typing import Any

from inference_app.train.options import Options
from tests.prepare.conftest import save_tiny_resnet
from tests.train.drawn import draw_folder

QUICK = ["--epochs", "4", "--batch-size", "16", "--learning-rate", "0.01"]


def base(folder: Path) -> Path:
    """Save a network of two stages for 32x32 pixels, with a card."""
    save_tiny_resnet(folder, num_labels=7)
    (folder / "README.md").write_text("Use it for nothing.")
    return folder


def options(folder: Path, **more: Any) -> Options:
    """Draw 90 pictures, and return options to train on them."""
    draw_folder(folder / "pictures", count=30)
    given = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01} | more
    model = str(base(folder / "base"))
    return Options(folder / "pictures", model, folder / "new", "new", "train", **given)
