"""Prepared models that differ from the bundled one just as a test needs it."""

import json
import shutil
from pathlib import Path

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared


def relabelled(folder: Path) -> Path:
    """Copy the bundled model into `folder`; its name, labels and class ids begin with ``other``."""
    shutil.copytree(BUNDLED_MODEL, folder)
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    changed = [{key: f"other {text}" for key, text in label.items()} for label in labels]
    prepared.write_json(folder / "labels.json", changed)
    return sealed(folder, name="other")


def sealed(folder: Path, **facts: str) -> Path:
    """Write the manifest of a changed model anew, with these facts changed too."""
    held = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").unlink()
    for key in ("format", "files"):
        held.pop(key)
    prepared.write_manifest(folder, **(held | facts))
    return folder
