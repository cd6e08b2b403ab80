"""PhotoPrism's vision service: https://docs.photoprism.app/developer-guide/vision/service.

Requests and responses are as `ApiRequest` and `ApiResponse` in its source, `internal/ai/vision`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from flask import Blueprint, Request, Response, g, jsonify

from inference_app.errors import BadRequest
from inference_app.model.classifier import Answer, Prediction, most_likely
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.json_body import parse, read_pictures
from inference_app.web.upload import read_body

bp = Blueprint("photoprism", __name__)

TOP_K = 5
MIN_SCORE = 0.1  # PhotoPrism adds every label that it gets to the photo


class _Body(msgspec.Struct):
    id: str = ""
    images: msgspec.Raw = msgspec.Raw(b"[]")


@dataclass(frozen=True)
class Crops:
    """One to three crops of the same photo."""

    pictures: list[bytes]


def shape(problem: Problem) -> dict[str, Any]:
    """Return PhotoPrism's shape of errors, with the request's id if that could be read."""
    return {"id": g.get("photoprism_id", ""), "code": problem.status, "error": problem.message}


error_handlers.register(bp, shape)


@bp.post("/api/v1/vision/labels")
def labels() -> Response:
    """Name what is on a photo: ``{"id", "code", "model", "result": {"labels": [...]}}``."""
    _, answers = journey.classify(_read)
    found = [each for each in answers if isinstance(each, Answer)]
    if not found:
        raise answers[0]  # type: ignore[misc]
    model = journey.ready_model()
    return jsonify(
        id=g.photoprism_id,
        code=200,
        model={"type": "labels", "name": model.name, "version": model.digest},
        result={"labels": [_label(each) for each in merge(found) if each.score >= MIN_SCORE]},
    )


def merge(crops: Sequence[Answer]) -> list[Prediction]:
    """Return the likeliest classes; a class counts as in the crop where it scores highest.

    PhotoPrism merges the labels of several crops in the same way.
    """
    scores = np.max([each.scores for each in crops], axis=0)
    return most_likely(scores, crops[0].model.labels, TOP_K)


def _label(prediction: Prediction) -> dict[str, Any]:
    return {
        "name": prediction.name,
        "source": "image",
        "priority": 0,
        "confidence": prediction.score,
    }


def _read(request: Request, max_pictures: int) -> Crops:
    body = parse(read_body(request), _Body)
    g.photoprism_id = body.id
    images = bytes(body.images)
    if b'"http' in images[:10] or images == b"[]":
        raise BadRequest("The request holds no picture: set FileScheme to data in vision.yml.")
    return Crops(read_pictures(images, "images", max_pictures))
