"""Where a model comes from: the Hugging Face Hub, a local folder in its format, or a file."""

import fnmatch
import glob
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from inference_app.errors import PrepareError
from inference_app.model.prepared import sha256
from inference_app.prepare.reason import first_line

# Configuration, card and safetensors: never a pickle, never code.
_FILES = ("config.json", "preprocessor_config.json", "README.md", "model*.safetensors*")


IMPORTED = (".pth", ".pt", ".pkl", ".mar", ".onnx")
_ADDRESS = re.compile(r"https?://[^/]+/([^/]+/[^/?#]+)")


@dataclass(frozen=True)
class Source:
    """A model's files and which they are.

    `path` is a folder, or a file for a model that is imported; `revision` is the Hub's commit, or a
    SHA-256 over local files.
    """

    id: str
    revision: str
    path: Path

    def facts(self) -> dict[str, str]:
        """Return what the manifest records: no path of the machine that prepared it."""
        return {"id": self.id, "revision": self.revision}


def fetch(model_id: str, revision: str | None) -> Source:
    """Return the source with its files present and an image classifier among them.

    Raises PrepareError: no such model, no network, not an image classifier, no safetensors.
    """
    source = local_source(model_id)
    if source is None:
        return _from_hub(model_id, revision)
    if source.path.is_file():
        return source
    _check_files(model_id, [file.name for file in source.path.iterdir()])
    _check_classifier(source)
    return source


def local_source(model_id: str) -> Source | None:
    """Return the source if `model_id` is a local folder or file, None if it can only be a Hub id.

    Raises PrepareError if it is an address, reads like a path and nothing is there, or cannot be
    read.
    """
    if address := _ADDRESS.match(model_id):
        raise PrepareError(f"{model_id} is an address; write its owner and name: {address[1]}")
    try:
        folder = Path(model_id).expanduser()
    except RuntimeError as error:  # the ~ of somebody unknown
        raise PrepareError(f"there is no folder or file {model_id}") from error
    if folder.is_dir():
        files = {file for pattern in _FILES for file in folder.glob(pattern)}
        return Source(folder.resolve().name, _digest(files), folder)
    if folder.is_file():
        return _imported(folder)
    if model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or "\\" in model_id:
        raise PrepareError(f"there is no folder or file {model_id}")
    return None


def _imported(file: Path) -> Source:
    if file.suffix not in IMPORTED:
        kinds = ", ".join(IMPORTED)
        raise PrepareError(f"{file} is a file of another kind than {kinds}, and not a folder")
    if file.suffix == ".onnx":  # beside it: weights, as exporters name them, and preprocessing
        beside = {*file.parent.glob(f"{glob.escape(file.name)}*"), *file.parent.glob(_FILES[1])}
        return Source(file.stem, _digest(beside), file)
    try:
        return Source(file.stem, sha256(file), file)
    except OSError as error:
        raise PrepareError(f"{file} cannot be read: {error.strerror}") from error


def given(pictures: Path | None, labels: Path | None) -> dict[str, str]:
    """Return a SHA-256 over the files of each that is given, for the manifest.

    Raises PrepareError if one cannot be read.
    """
    paths = {"pictures": pictures, "labels": labels}
    return {name: _digest(_files(path)) for name, path in paths.items() if path}


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _digest(files: Iterable[Path]) -> str:
    try:
        digests = "".join(f"{file.name}:{sha256(file)}\n" for file in sorted(files))
    except OSError as error:
        raise PrepareError(f"{error.filename} cannot be read: {error.strerror}") from error
    return hashlib.sha256(digests.encode()).hexdigest()


def _from_hub(model_id: str, revision: str | None) -> Source:
    """Download into the Hub's own cache, with its progress bars; the weights last."""
    from huggingface_hub import HfApi, errors, snapshot_download

    try:
        info = HfApi().model_info(model_id, revision=revision, timeout=20)
        _check_files(model_id, [file.rfilename for file in info.siblings or ()])
        download = partial(snapshot_download, model_id, revision=info.sha)
        source = Source(model_id, str(info.sha), Path(download(allow_patterns=["config.json"])))
        _check_classifier(source)
        download(allow_patterns=list(_FILES))
        return source
    except errors.GatedRepoError as error:
        why = f"{model_id} is gated: ask for access on its page, then set HF_TOKEN"
        raise PrepareError(why) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        why = f"the Hugging Face Hub has no model {model_id}, or a private one without HF_TOKEN"
        raise PrepareError(why) from error
    except errors.RevisionNotFoundError as error:
        raise PrepareError(f"{model_id} has no revision {revision}") from error
    except (errors.HTTPError, OSError, ValueError) as error:  # ValueError: answers of another sort
        raise PrepareError(_unreachable(error)) from error


def _unreachable(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        from huggingface_hub.constants import HF_HUB_CACHE

        return f"cannot store the download in {HF_HUB_CACHE} (HF_HOME): {error.strerror}"
    return (
        f"cannot reach the Hugging Face Hub ({first_line(error)}). Check the network, give a local "
        "folder as the model, or serve the bundled model with MODEL_ID=bundled"
    )


def _check_files(model_id: str, names: list[str]) -> None:
    """Look at a listing alone, before anything large is downloaded."""
    if "config.json" not in names:
        raise PrepareError(f"{model_id} has no config.json: not a Hugging Face model")
    if not fnmatch.filter(names, "model*.safetensors"):
        raise PrepareError(
            f"{model_id} has no weights in safetensors format; pickled weights are not read, "
            "since they can run code. Convert them, or ask the model's author to"
        )


def _check_classifier(source: Source) -> None:
    config = _config(source)
    names = [str(name) for name in config.get("architectures") or []]
    timm = "architecture" in config and bool(config.get("num_classes"))
    # Without names transformers tells by the weights: a head that has none is refused.
    unnamed = not names and "model_type" in config
    # Within the name: some go on, as DeiTForImageClassificationWithTeacher does.
    if not (timm or unnamed) and not any("ForImageClassification" in name for name in names):
        what = ", ".join(names) or "nothing of the kind"
        raise PrepareError(f"{source.id} is not an image classifier: its config.json says {what}")


def _config(source: Source) -> dict[str, Any]:
    path = source.path / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PrepareError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise PrepareError(f"{path} is not a model's configuration")
    return config
