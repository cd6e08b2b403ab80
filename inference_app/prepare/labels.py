"""Class ids and names, by class index."""

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
    if sorted(config.id2label) != list(classes):
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
