"""The formats of responses, one for each family of clients."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flask import Response, jsonify, request

from inference_app.errors import RequestError, error_body
from inference_app.model.classifier import Prediction
from inference_app.telemetry.context import current
from inference_app.web.parameters import Parameters

JSON, TEXT = "application/json", "text/plain"

# A picture's predictions, the most likely first, or why it has none.
Result = list[Prediction] | RequestError


class Formatter(NamedTuple):
    """How to write a picture's best prediction; `default` is the type unless a client asks."""

    to_json: Callable[[Prediction], dict[str, Any]]
    to_text: Callable[[Prediction], str]
    default: str = JSON


def nested(best: Prediction) -> dict[str, Any]:
    """``{"success": true, "response": {...}}``: the ResNet-50 system's response."""
    return {"success": True, "response": response(best)}


def response(best: Prediction) -> dict[str, Any]:
    """``{"statusCode": 200, "body": ...}``, where the body is JSON inside a string."""
    return {"statusCode": 200, "body": json.dumps(best.label, ensure_ascii=False)}


def class_only(best: Prediction) -> dict[str, Any]:
    """``{"class_id": "n02123045", "class_name": "tabby"}``: the DenseNet-121 systems' response."""
    return {"class_id": best.class_id, "class_name": best.class_name}


NESTED = Formatter(nested, lambda best: best.label)
CLASS_ONLY = Formatter(class_only, lambda best: best.class_name)
PLAIN_LABEL = CLASS_ONLY._replace(default=TEXT)


def respond(results: Sequence[Result], formatter: Formatter, parameters: Parameters) -> Response:
    """Return the response; its status is an error's only if none of the pictures has a result."""
    failures = [result for result in results if isinstance(result, RequestError)]
    all_failed = len(failures) == len(results)
    if _wants_text(formatter, parameters) and not all_failed:
        return Response(to_text(results, formatter), mimetype=TEXT)
    reply = jsonify(to_json(results, formatter, parameters))
    reply.status_code = failures[0].status if all_failed else 200
    return reply


def _wants_text(formatter: Formatter, parameters: Parameters) -> bool:
    if parameters.format:
        return parameters.format == "text"
    default = JSON if parameters.is_ranked else formatter.default  # a text has no ranking
    return request.accept_mimetypes.best_match([default, JSON, TEXT], default) == TEXT


def to_json(
    results: Sequence[Result], formatter: Formatter, parameters: Parameters
) -> dict[str, Any]:
    """Format the result of one picture, or those of several as a list of ``results``.

    `parameters` may ask for a ranking as ``predictions``. ``success`` is whether no picture failed;
    if all of several did, the first one's ``error`` is that of the request.
    """
    each = [_one_to_json(result, formatter, parameters) for result in _numbered(results)]
    if len(each) == 1:
        return each[0]
    failed = ["error" in one for one in each]
    return (each[0] if all(failed) else {}) | {"success": not any(failed), "results": each}


def _one_to_json(result: Result, formatter: Formatter, parameters: Parameters) -> dict[str, Any]:
    if isinstance(result, RequestError):
        return error_body(result.type, str(result), current().id)
    ranking = {"predictions": _ranking(result, parameters)} if parameters.is_ranked else {}
    return formatter.to_json(result[0]) | ranking


def _ranking(predictions: Sequence[Prediction], parameters: Parameters) -> list[dict[str, Any]]:
    least = -math.inf if parameters.threshold is None else parameters.threshold
    return [each.to_json() for each in predictions if each.score >= least]


def to_text(results: Sequence[Result], formatter: Formatter) -> str:
    """Return the most likely label of each picture, a line each; of a failure, ``error: ...``."""
    return "\n".join(
        f"error: {' '.join(str(result).split())}"
        if isinstance(result, RequestError)
        else formatter.to_text(result[0])
        for result in _numbered(results)
    )


def _numbered(results: Sequence[Result]) -> Sequence[Result]:
    """Say in each failure which of several pictures it is."""
    if len(results) == 1:
        return results
    return [
        type(result)(f"Picture {number} of {len(results)}: {result}")
        if isinstance(result, RequestError)
        else result
        for number, result in enumerate(results, 1)
    ]
