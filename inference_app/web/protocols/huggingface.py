"""Image classification as Hugging Face's inference endpoints serve it.

Requests are those of `InferenceClient` in huggingface_hub and in @huggingface/inference, with the
URL of a server; parameters and answers those of transformers' `ImageClassificationPipeline`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Request, Response, jsonify

from inference_app.errors import BadRequest, RequestError
from inference_app.model.activation import ACTIVATIONS
from inference_app.model.classifier import Answer, most_likely
from inference_app.web import error_handlers, journey
from inference_app.web.error_handlers import Problem
from inference_app.web.json_body import is_json, parse, read_pictures
from inference_app.web.upload import read_body

bp = Blueprint("huggingface", __name__)

TOP_K = 5  # of the pipeline, unless the client says another


class Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """The pipeline's; without a function, the scores are those that the model is made for."""

    top_k: Annotated[int, msgspec.Meta(ge=1)] | None = None
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None


class Body(msgspec.Struct):
    """A request in JSON; `inputs` is a picture in base64, or a list of them."""

    inputs: msgspec.Raw
    parameters: Parameters | None = None


@dataclass(frozen=True)
class Inputs:
    """A request's pictures; `listed` if they came in a list, and go back as one."""

    pictures: list[bytes]
    parameters: Parameters
    listed: bool = False


def shape(problem: Problem) -> dict[str, Any]:
    """Return Hugging Face's shape of errors."""
    return {"error": problem.message}


error_handlers.register(bp, shape)


@bp.post("/")
@bp.post("/models/<path:model>")
def predict(model: str | None = None) -> Response:
    """Classify a picture: ``[{"label": "tabby, tabby cat", "score": 0.4}, ...]``.

    A model's name may have its owner before it, as on the Hub.
    """
    return jsonify(ranked(*journey.classify(read, model and model.rpartition("/")[2])))


def ranked(inputs: Inputs, answers: Sequence[Answer | RequestError]) -> list[Any]:
    """Return a picture's classes, or a list of each picture's; raises a picture's error."""
    results = [_ranked(answer, inputs.parameters) for answer in answers]
    return results if inputs.listed else results[0]


def read(request: Request, max_pictures: int) -> Inputs:
    """Read a picture, or JSON that holds pictures and parameters.

    Raises BadRequest, or TooLarge beyond `max_pictures`.
    """
    body = read_body(request)
    if not is_json(body):
        if not body:
            raise BadRequest("The request holds no picture: send its bytes as the body.")
        return Inputs([body], _parameters(request))
    try:
        parsed = parse(body, Body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The JSON is not a request for image classification: {error}.") from None
    text, parameters = bytes(parsed.inputs), parsed.parameters or _parameters(request)
    del parsed  # it holds the whole body
    return Inputs(read_pictures(text, "inputs", max_pictures), parameters, text[:1] == b"[")


def _parameters(request: Request) -> Parameters:
    """Return those in the query, where Hugging Face's servers look when there is no JSON."""
    try:
        return msgspec.convert(request.args.to_dict(), Parameters, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The query's parameters cannot be used: {error}.") from None


def _ranked(answer: Answer | RequestError, parameters: Parameters) -> list[dict[str, Any]]:
    if isinstance(answer, RequestError):
        raise answer
    function = ACTIVATIONS[parameters.function_to_apply or answer.model.activation]
    scores = function(answer.logits)
    ranked = most_likely(scores, answer.model.labels, parameters.top_k or TOP_K)
    return [{"label": each.label, "score": each.score} for each in ranked]
