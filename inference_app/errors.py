"""What can go wrong, each error with its status, and the one JSON error shape.

UserError                     a message for whoever started the program, one line
├── SettingError              an environment variable is bad
├── PreparedModelError        a prepared model is missing, damaged or of another version
└── PrepareError              a model cannot be prepared
RequestError                  a message for the client, with a status
├── BadRequest           400
├── Unauthorized         401  with WWW-Authenticate
├── UnknownModel         404  the model that the client names is not the one that is served
├── TooLarge             413  too many bytes, pixels or pictures, or too long to decode
├── UnsupportedPicture   415  not a picture, or of a kind that is not accepted
├── DamagedPicture       422
├── ClientDisconnected   499  as NGINX logs it: nobody is there to read it
├── NotReady             503  with Retry-After
├── Overloaded           503  with Retry-After
└── DeadlinePassed       504
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class UserError(Exception):
    """Base of the errors that end a command with one line instead of a traceback."""


class SettingError(UserError):
    """An environment variable holds a value that cannot be used."""


class PreparedModelError(UserError):
    """A folder is not a prepared model that this version can serve."""


class PrepareError(UserError):
    """A source cannot be turned into a prepared model."""


class RequestError(Exception):
    """Base of the errors that are the request's, or the moment's; the message is for the client."""

    status: ClassVar[int]
    type: ClassVar[str]
    headers: Mapping[str, str] = MappingProxyType({})  # of the response


class BadRequest(RequestError):
    """The request holds no picture where one is looked for, or a bad parameter."""

    status, type = 400, "bad_request"


class Unauthorized(RequestError):
    """The server wants an API key, and the request has none that it knows."""

    status, type = 401, "unauthorized"
    headers: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Bearer"})

    def __init__(self, problem: str) -> None:
        """Take what is wrong with the request's key; the message says how to send one."""
        super().__init__(f"{problem} Send a key of this server as Authorization: Bearer KEY.")


class UnknownModel(RequestError):
    """The client names a model, and another one is served."""

    status, type = 404, "model_not_found"

    def __init__(self, name: str, served: str) -> None:
        """Take the name that the client asks for, and that of the model that is served."""
        super().__init__(f"Model not found: {name[:100]}. This server has {served}.")


class TooLarge(RequestError):
    """The picture costs more bytes, pixels or time than the settings allow."""

    status, type = 413, "too_large"


class UnsupportedPicture(RequestError):
    """The bytes are not a picture of a kind that is accepted."""

    status, type = 415, "unsupported_picture"


class DamagedPicture(RequestError):
    """The picture is of an accepted kind, but cannot be decoded to its end."""

    status, type = 422, "damaged_picture"


# What may be wrong with one of several pictures; the others still get their predictions.
PICTURE_ERRORS = (BadRequest, TooLarge, UnsupportedPicture, DamagedPicture)


class ClientDisconnected(RequestError):
    """The client closed the connection while its request waited."""

    status, type = 499, "client_disconnected"

    def __init__(self) -> None:
        """Say it to the log."""
        super().__init__("The client closed the connection.")


class NotReady(RequestError):
    """The model has not done its warm-up yet."""

    status, type = 503, "not_ready"
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "1"})


class Overloaded(RequestError):
    """More requests wait already than can be handled in time."""

    status, type = 503, "overloaded"

    def __init__(self, seconds: int) -> None:
        """Take the seconds after which those that wait now will be done."""
        super().__init__("The server is busy. Wait, then send it again.")
        self.headers = {"Retry-After": str(max(1, seconds))}


class DeadlinePassed(RequestError):
    """The request was admitted, and could not be handled in time."""

    status, type = 504, "timeout"

    def __init__(self) -> None:
        """Say what NGINX says when it gives up waiting."""
        super().__init__("The server did not answer in time. Send it again.")


def error_body(type_: str, message: str, request_id: str | None) -> dict[str, Any]:
    """Return the one error shape: ``{"success": false, "error": {type, message, request_id}}``."""
    error = {"type": type_, "message": message, "request_id": request_id}
    return {"success": False, "error": error}
