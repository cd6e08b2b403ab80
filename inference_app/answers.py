"""How predictions are worded: one function for each family of clients."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from inference_app.classifier import Prediction

Wording = Callable[[Prediction], dict[str, Any]]


def body_in_a_string(best: Prediction) -> dict[str, Any]:
    """``{"success": true, "response": {...}}``: the ResNet-50 system's answer."""
    return {"success": True, "response": response(best)}


def response(best: Prediction) -> dict[str, Any]:
    """``{"statusCode": 200, "body": ...}``, where the body is JSON inside a string."""
    return {"statusCode": 200, "body": json.dumps(best.label, ensure_ascii=False)}


def class_alone(best: Prediction) -> dict[str, Any]:
    """``{"class_id": "n02123045", "class_name": "tabby"}``: the DenseNet-121 systems' answer."""
    return {"class_id": best.class_id, "class_name": best.class_name}


def to_json(
    results: Sequence[Sequence[Prediction]], word: Wording, *, ranked: bool
) -> dict[str, Any]:
    """Word the predictions for each picture; several pictures come as a list of ``results``.

    `ranked` adds the whole ranking as ``predictions``.
    """
    worded = [
        word(ranking[0]) | ({"predictions": [each.to_json() for each in ranking]} if ranked else {})
        for ranking in results
    ]
    return worded[0] if len(worded) == 1 else {"success": True, "results": worded}


def to_text(results: Sequence[Sequence[Prediction]]) -> str:
    """Return the likeliest label of each picture, a line each."""
    return "\n".join(ranking[0].label for ranking in results)
