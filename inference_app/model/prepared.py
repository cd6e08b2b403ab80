"""The prepared model on disk: a folder that holds all that serving needs.

model.xml, model.bin   the network as OpenVINO IR; input uint8, NHWC; output logits, float32; or,
                       for torch, config.json and model.safetensors: a classifier of transformers
labels.json            class index -> class id (WordNet id where known) and label
preprocessing.json     resize, crop, interpolation, mean, std
README.md              the model's card, where its source has one
manifest.json          name, engine, source, revision, precision, activation, parity with the
                       original, what int8 changed, SHA-256 of every file, versions, date
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from inference_app.errors import PreparedModelError
from inference_app.model.activation import ACTIVATIONS
from inference_app.model.preprocessing import Preprocessing

FORMAT = 2
NETWORKS = {  # by engine
    "openvino": {"model.xml", "model.bin"},
    "torch": {"config.json", "model.safetensors"},
}
FILES = {"labels.json", "preprocessing.json"}


class Label(NamedTuple):
    """A class: its id (``n02123045``) and its name (``tabby, tabby cat``)."""

    class_id: str
    label: str


@dataclass(frozen=True)
class PreparedModel:
    """A prepared model that was read and found whole; `labels` is by class index.

    `engine`, a key of NETWORKS, runs it in `precision`: ``auto``, ``fp32``, ``bf16`` or
    ``int8``; `activation`, a key of ACTIVATIONS, turns logits into scores. `digest` tells it from
    all others: the first 12 digits of the manifest's SHA-256.
    """

    folder: Path
    name: str
    digest: str
    engine: str
    precision: str
    activation: str
    manifest: dict[str, Any]
    labels: tuple[Label, ...]
    preprocessing: Preprocessing

    @property
    def is_bundled(self) -> bool:
        """Whether this is the bundled demonstration model."""
        return is_bundled(self.manifest)


def is_bundled(manifest: dict[str, Any]) -> bool:
    """Tell from its manifest whether a model is the bundled one, also where it was copied."""
    return manifest.get("bundled") is True


def engine_of(manifest: dict[str, Any]) -> str:
    """Return what runs a model; the first manifests do not say it."""
    return str(manifest.get("engine", "openvino"))


def read(folder: Path) -> PreparedModel:
    """Read a prepared model and check every file against the manifest.

    Raises PreparedModelError, whose message says what is wrong and what to do.
    """
    manifest = read_manifest(folder)
    try:
        engine = engine_of(manifest)
        for name in FILES | NETWORKS[engine] | set(manifest["files"]):
            _check(folder / name, manifest["files"][name])
        labels = json.loads((folder / "labels.json").read_text("utf-8"))
        preprocessing = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        if manifest["activation"] not in ACTIVATIONS:
            raise ValueError(f"unknown activation {manifest['activation']}")
        return PreparedModel(
            folder=folder,
            name=manifest["name"],
            digest=sha256(folder / "manifest.json")[:12],
            engine=engine,
            precision=manifest["precision"],
            activation=manifest["activation"],
            manifest=manifest,
            labels=tuple(Label(**label) for label in labels),
            preprocessing=Preprocessing.from_json(preprocessing),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PreparedModelError(f"{folder} is damaged ({error}); prepare it again") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest alone, without checking the files; raises PreparedModelError."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        raise PreparedModelError(
            f"{folder} is not a prepared model: it has no manifest.json. "
            "Make one with: python -m inference_app prepare MODEL_ID"
        ) from None
    except (OSError, ValueError) as error:
        raise PreparedModelError(f"{folder}/manifest.json cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PreparedModelError(f"{folder} is of another format; prepare it again")
    return manifest


def plain_name(text: str) -> str:
    """Return a model's name as headers and folders can hold it: letters, digits, ``_.-``."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder` when the `with` ends well.

    A prepared model that was there is replaced; when anything fails, it stays as it was. Raises
    PreparedModelError if `folder` holds something else, or for an OSError, also one out of the
    `with`: the disk may be full.
    """
    try:
        if folder.exists() and not (folder / "manifest.json").exists() and any(folder.iterdir()):
            raise PreparedModelError(f"{folder} exists and is not a prepared model; choose another")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            yield new
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            new.rename(folder)
    except OSError as error:
        raise PreparedModelError(f"{folder} cannot be written: {error.strerror}") from error


def write_manifest(folder: Path, **facts: Any) -> None:
    """Seal a folder: record `facts` and the SHA-256 of every file that it holds."""
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    write_json(folder / "manifest.json", {"format": FORMAT, **facts, "files": files})


def write_json(path: Path, data: object) -> None:
    """Write `data` readably, so that a diff of two models shows what changed."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, digest: str) -> None:
    try:
        actual = sha256(path)
    except OSError as error:
        raise PreparedModelError(f"{path} cannot be read: {error.strerror}") from error
    if actual != digest:
        raise PreparedModelError(
            f"{path} is not the file that was prepared (its SHA-256 differs from the manifest's); "
            "prepare the model again"
        )
