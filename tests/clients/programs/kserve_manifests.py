"""Check manifests, a list in a file of JSON, with the classes of KServe's Python package.

They are made from the same types as KServe's custom resource definitions. Ends with an error if a
field is one that they do not know, is missing, or holds a value of another type.
"""

import json
import re
import sys
from pathlib import Path

import kubernetes
from kserve import models

CLASSES = {
    "ServingRuntime": models.V1alpha1ServingRuntime,
    "InferenceService": models.V1beta1InferenceService,
}
PLAIN = {"str": str, "int": int, "bool": bool}


def class_of(name):
    """Return the class that a field's type names, or None for a value of no class."""
    name = re.sub("^K8sIoApi(Core|Apps)V1", "V1", name)
    return getattr(models, name, None) or getattr(kubernetes.client, name, None)


def build(value, kind, path):
    """Return the value as its type, given by name; raises ValueError or TypeError."""
    inner = re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", kind)
    if inner:
        each = value.items() if isinstance(value, dict) else enumerate(value)
        return [build(item, inner[1] or inner[2], f"{path}/{key}") for key, item in each]
    found = class_of(kind)
    if found is None:
        if not isinstance(value, PLAIN.get(kind, object)):
            raise TypeError(f"{path} is not of the type {kind}")
        return value
    names = {wire: name for name, wire in found.attribute_map.items()}
    if more := value.keys() - names:
        raise ValueError(f"{path} has no field {more}")
    types = found.openapi_types
    parts = {names[key]: build(value[key], types[names[key]], f"{path}/{key}") for key in value}
    return found(**parts)


if __name__ == "__main__":
    for manifest in json.loads(Path(sys.argv[1]).read_text()):
        build(manifest, CLASSES[manifest["kind"]].__name__, manifest["kind"])
