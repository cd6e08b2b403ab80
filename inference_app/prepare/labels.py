"""Class ids and names, by class index."""

import json
from pathlib import Path
from typing import Any

from timm.data import ImageNetInfo

from inference_app.errors import PrepareError


def labels_of(config: Any) -> list[dict[str, str]]:
    """Return ``{"class_id", "label"}`` by class index from a transformers config.

    Class ids are WordNet ids where the config lists them (``wordnet_ids``) or the classes are
    ImageNet's 1000, in their usual order; the class index otherwise. Raises PrepareError if the
    config does not name every class.
    """
    classes = range(config.num_labels)
    if sorted(config.id2label or {}) != list(classes):
        raise PrepareError("config.json does not name the classes 0, 1, 2, ... (id2label)")
    names = [str(config.id2label[index]) for index in classes]
    ids = getattr(config, "wordnet_ids", None) or _imagenet_ids(len(names))
    if len(ids) != len(names):
        raise PrepareError(f"config.json has {len(ids)} wordnet_ids for {len(names)} classes")
    return [
        {"class_id": str(class_id), "label": name}
        for class_id, name in zip(ids, names, strict=True)
    ]


def _imagenet_ids(classes: int) -> list[str]:
    imagenet = ImageNetInfo("imagenet-1k")
    if classes != imagenet.num_classes():
        return [str(index) for index in range(classes)]
    return [imagenet.index_to_label_name(index) for index in range(classes)]


def labels_of_imagenet() -> list[dict[str, str]]:
    """Return ImageNet's 1000 classes in their usual order."""
    imagenet = ImageNetInfo("imagenet-1k")
    names = [imagenet.index_to_description(index) for index in range(imagenet.num_classes())]
    return _numbered(names)


def labels_in(file: Path) -> list[dict[str, str]]:
    """Read the classes of a file, in order; raises PrepareError.

    It has a name on each line, or is JSON: a list of names, or by index a name or an id and a name,
    as in ImageNet's class index file.
    """
    try:
        text = file.read_text("utf-8")
        named = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text.splitlines()
        if isinstance(named, dict):
            named = [named[str(index)] for index in range(len(named))]
        if not any(isinstance(each, list) for each in named):
            return _numbered([str(name) for name in named])
        return [{"class_id": str(each[0]), "label": str(each[1])} for each in named]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise PrepareError(f"{file} does not name the classes 0, 1, 2, ...: {error!r}") from error


def _numbered(names: list[str]) -> list[dict[str, str]]:
    ids = _imagenet_ids(len(names))
    return [{"class_id": id_, "label": name} for id_, name in zip(ids, names, strict=True)]
