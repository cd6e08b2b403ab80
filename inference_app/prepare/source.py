"""Where a model comes from: the Hugging Face Hub, or a local folder in its format."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_app.errors import PrepareError
from inference_app.prepared import sha256

# Configuration, card and safetensors: never a pickle, never code.
_FILES = ("config.json", "preprocessor_config.json", "README.md", "model*.safetensors*")


@dataclass(frozen=True)
class Source:
    """A model's files in a local folder, and which they are.

    `revision` is the Hub's commit, or a SHA-256 over a local folder's files.
    """

    id: str
    revision: str
    folder: Path

    def facts(self) -> dict[str, str]:
        """Return what the manifest records: no path of the machine that prepared it."""
        return {"id": self.id, "revision": self.revision}


def fetch(model_id: str, revision: str | None) -> Source:
    """Return the source with its files present and an image classifier among them.

    Raises PrepareError: no such model, no network, not an image classifier, no safetensors.
    """
    source = local_source(model_id) or _from_hub(model_id, revision)
    _check_classifier(source)
    if not list(source.folder.glob("model*.safetensors")):
        raise PrepareError(
            f"{model_id} has no weights in safetensors format; pickled weights are not read, "
            "since they can run code. Convert them, or ask the model's author to"
        )
    return source


def local_source(model_id: str) -> Source | None:
    """Return the source if `model_id` is a local folder, None if it can only be a Hub id.

    Raises PrepareError if it reads like a path and nothing is there.
    """
    folder = Path(model_id).expanduser()
    if folder.is_dir():
        files = sorted({file for pattern in _FILES for file in folder.glob(pattern)})
        digests = "".join(f"{file.name}:{sha256(file)}\n" for file in files)
        return Source(folder.resolve().name, hashlib.sha256(digests.encode()).hexdigest(), folder)
    if model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or "\\" in model_id:
        raise PrepareError(f"there is no folder {model_id}")
    return None


def _from_hub(model_id: str, revision: str | None) -> Source:
    """Download into the Hub's own cache, with its progress bars."""
    from huggingface_hub import HfApi, errors, snapshot_download

    try:
        commit = HfApi().model_info(model_id, revision=revision, timeout=20).sha
        folder = snapshot_download(model_id, revision=commit, allow_patterns=list(_FILES))
        return Source(model_id, str(commit), Path(folder))
    except errors.GatedRepoError as error:
        why = f"{model_id} is gated: ask for access on its page, then set HF_TOKEN"
        raise PrepareError(why) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        why = f"the Hugging Face Hub has no model {model_id}, or a private one without HF_TOKEN"
        raise PrepareError(why) from error
    except errors.RevisionNotFoundError as error:
        raise PrepareError(f"{model_id} has no revision {revision}") from error
    except (errors.HTTPError, OSError) as error:
        raise PrepareError(_unreachable(error)) from error


def _unreachable(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot store the download: {error.strerror}"
    return (
        f"cannot reach the Hugging Face Hub ({error}). Check the network, give a local folder "
        "as the model, or serve the model that comes along with MODEL_ID=bundled"
    )


def _check_classifier(source: Source) -> None:
    config = _config(source)
    names = config.get("architectures") or []
    timm = "architecture" in config and config.get("num_classes", 0) > 0
    if not timm and not any(name.endswith("ForImageClassification") for name in names):
        what = ", ".join(names) or "nothing of the kind"
        raise PrepareError(f"{source.id} is not an image classifier: its config.json says {what}")


def _config(source: Source) -> dict[str, Any]:
    path = source.folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PrepareError(f"{source.id} has no config.json: not a Hugging Face model") from None
    except (OSError, ValueError) as error:
        raise PrepareError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise PrepareError(f"{path} is not a model's configuration")
    return config
