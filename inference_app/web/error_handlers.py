"""Every exception becomes a response, in the shape that the client's protocol has for errors."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from inference_app.errors import BadRequest, Overloaded, RequestError, TooLarge, error_body
from inference_app.telemetry.context import current


class Problem(NamedTuple):
    """What went wrong, for the client: an HTTP status, our name for it, and what to do."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = MappingProxyType({})


Shape = Callable[[Problem], Any]  # what an error looks like in JSON

_SHAPES: dict[str, Shape] = {}  # by the prefix of a blueprint's paths


def register(scaffold: Flask | Blueprint, shape: Shape) -> None:
    """Turn every exception in an app, or in a blueprint's routes, into a response of a shape.

    A blueprint with a prefix has all paths below it, also those that are no routes.
    """
    if isinstance(scaffold, Blueprint) and scaffold.url_prefix:
        _SHAPES[scaffold.url_prefix] = shape
    for kind, problem_of in _PROBLEMS.items():
        scaffold.register_error_handler(kind, partial(_respond, problem_of, shape))


def own_shape(problem: Problem) -> dict[str, Any]:
    """Return the shape of our own errors: ``{"success": false, "error": {...}}``."""
    return error_body(problem.type, problem.message, current().id)


def _respond(problem_of: Callable[[Any], Problem], shape: Shape, error: Exception) -> Response:
    """Return an error's response, and note it for the log."""
    problem, context = problem_of(error), current()
    context.error_type, context.error_message = problem.type, problem.message
    prefix = next((each for each in _SHAPES if request.path.startswith(f"{each}/")), "")
    response = jsonify(_SHAPES.get(prefix, shape)(problem))
    response.status_code = problem.status
    response.headers.update(problem.headers)
    return response


def _request_error(error: RequestError) -> Problem:
    return Problem(error.status, error.type, str(error), error.headers)


def _other_json(error: msgspec.ValidationError) -> Problem:
    """Return what a protocol's JSON lacks, or holds wrongly, in msgspec's words."""
    return _request_error(BadRequest(f"The JSON is not what this path takes: {error}."))


def _http_error(error: HTTPException) -> Problem:
    """Return what Flask and Werkzeug refuse by themselves: unknown paths, methods, large bodies."""
    messages = {
        404: f"There is nothing at {request.path}. POST a picture to /predict.",
        405: f"{request.path} does not take {request.method}. POST a picture to /predict.",
        413: "The request is larger than this server accepts. Send a smaller picture.",
    }
    status = error.code or 500
    type_ = TooLarge.type if status == 413 else error.name.lower().replace(" ", "_")
    allow = error.get_response().headers.get("Allow") if status == 405 else None
    message = messages.get(status, error.description or error.name)
    return Problem(status, type_, message, {"Allow": allow} if allow else {})


def _out_of_memory(error: MemoryError) -> Problem:
    """Ask the client to try again: the request may be fine, and the memory is our concern."""
    current().exception = error
    return _request_error(Overloaded(1))


def _internal_error(error: Exception) -> Problem:
    """Keep the details of our own faults in the log: they may hold paths and data."""
    current().exception = error
    message = "The server failed to answer; its log has the details under this request_id."
    return Problem(500, "internal_error", message)


_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    RequestError: _request_error,
    msgspec.ValidationError: _other_json,
    HTTPException: _http_error,
    MemoryError: _out_of_memory,
    Exception: _internal_error,
}
