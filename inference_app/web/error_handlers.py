"""Every exception becomes a response in the one error shape."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from inference_app.errors import Overloaded, RequestError, TooLarge, error_body
from inference_app.telemetry.context import current


def error_response(status: int, type_: str, message: str) -> Response:
    """Return an error in the one shape, and note its type for the log."""
    context = current()
    context.error_type, context.error_message = type_, message
    response = jsonify(error_body(type_, message, context.id))
    response.status_code = status
    return response


def register(app: Flask) -> None:
    """Turn every exception into a response in the one error shape."""
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(MemoryError, _out_of_memory)
    app.register_error_handler(Exception, _internal_error)


def _request_error(error: RequestError) -> Response:
    response = error_response(error.status, error.type, str(error))
    response.headers.update(error.headers)
    return response


def _http_error(error: HTTPException) -> Response:
    """Return what Flask and Werkzeug refuse by themselves: unknown paths, methods, large bodies."""
    messages = {
        404: f"There is nothing at {request.path}. POST a picture to /predict.",
        405: f"{request.path} does not take {request.method}. POST a picture to /predict.",
        413: "The request is larger than this server accepts. Send a smaller picture.",
    }
    status = error.code or 500
    type_ = TooLarge.type if status == 413 else error.name.lower().replace(" ", "_")
    response = error_response(status, type_, messages.get(status, error.description or error.name))
    if status == 405 and error.get_response().headers.get("Allow"):
        response.headers["Allow"] = error.get_response().headers["Allow"]
    return response


def _out_of_memory(error: MemoryError) -> Response:
    """Ask the client to try again: the request may be fine, and the memory is our concern."""
    current().exception = error
    return _request_error(Overloaded(1))


def _internal_error(error: Exception) -> Response:
    """Keep the details of our own faults in the log: they may hold paths and data."""
    current().exception = error
    message = "The server failed to answer; its log has the details under this request_id."
    return error_response(500, "internal_error", message)
