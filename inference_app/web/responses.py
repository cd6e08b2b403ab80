"""The formats of responses: one function for each family of clients."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from inference_app.model.classifier import Prediction

Formatter = Callable[[Prediction], dict[str, Any]]


def nested(best: Prediction) -> dict[str, Any]:
    """``{"success": true, "response": {...}}``: the ResNet-50 system's response."""
    return {"success": True, "response": response(best)}


def response(best: Prediction) -> dict[str, Any]:
    """``{"statusCode": 200, "body": ...}``, where the body is JSON inside a string."""
    return {"statusCode": 200, "body": json.dumps(best.label, ensure_ascii=False)}


def class_only(best: Prediction) -> dict[str, Any]:
    """``{"class_id": "n02123045", "class_name": "tabby"}``: the DenseNet-121 systems' response."""
    return {"class_id": best.class_id, "class_name": best.class_name}


def to_json(
    results: Sequence[Sequence[Prediction]], formatter: Formatter, *, ranked: bool
) -> dict[str, Any]:
    """Format the predictions for each picture; several pictures come as a list of ``results``.

    `ranked` adds the whole ranking as ``predictions``.
    """
    formatted = [
        formatter(ranking[0]) | (_predictions(ranking) if ranked else {}) for ranking in results
    ]
    return formatted[0] if len(formatted) == 1 else {"success": True, "results": formatted}


def _predictions(ranking: Sequence[Prediction]) -> dict[str, Any]:
    return {"predictions": [each.to_json() for each in ranking]}


def to_text(results: Sequence[Sequence[Prediction]]) -> str:
    """Return the most likely label of each picture, a line each."""
    return "\n".join(ranking[0].label for ranking in results)
