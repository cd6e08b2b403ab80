"""The pictures in a request, however the client sent them."""

from dataclasses import dataclass

from flask import Request

from inference_app.errors import BadRequest
from inference_app.web.form import read_form
from inference_app.web.json_body import check_count, is_json, read_json

try:
    from gunicorn.http.errors import ParseException
except ImportError:  # on Windows Gunicorn cannot be imported; waitress reads bodies itself
    ParseException = BadRequest

_HOW = (
    "Send a picture as multipart field 'image' (curl -F image=@photo.jpg), as the request body "
    '(curl --data-binary @photo.jpg), or as JSON {"image": "<base64>"}.'
)


@dataclass(frozen=True)
class Upload:
    """The bytes of every picture in the request; `field` is the form field they came in."""

    field: str
    pictures: list[bytes]


def read_upload(request: Request, max_pictures: int) -> Upload:
    """Read the pictures out of a request.

    Multipart is told by its Content-Type, everything else by its bytes: clients label raw bodies
    as anything (curl says a form). Raises BadRequest, or TooLarge beyond `max_pictures`.
    """
    try:
        upload = _read(request, max_pictures)
        if not upload.pictures:
            raise BadRequest("The request holds no picture.")
    except BadRequest as error:
        raise BadRequest(f"{error} {_HOW}") from None
    check_count(len(upload.pictures), max_pictures)
    return upload


def _read(request: Request, max_pictures: int) -> Upload:
    if request.mimetype == "multipart/form-data":
        boundary = request.mimetype_params.get("boundary", "")
        return Upload(*read_form(read_body(request), boundary))
    return Upload("image", _from_body(read_body(request), request.mimetype, max_pictures))


def read_body(request: Request) -> bytes:
    """Return the bytes of a request's body; raises BadRequest for chunks that are not HTTP."""
    try:
        body = request.get_data(cache=False)
        if request.content_length is None:
            # A chunked body ends at the limit without an error; to read on raises a 413.
            request.stream.read(1)
    except ParseException:
        raise BadRequest("The request's chunks are not valid HTTP.") from None
    return body


def _from_body(body: bytes, mimetype: str, max_pictures: int) -> list[bytes]:
    if is_json(body):
        return read_json(body, max_pictures)
    # Every picture holds zero bytes, and `curl -d @photo.jpg` drops them with the line ends.
    if body and mimetype == "application/x-www-form-urlencoded" and b"\0" not in body:
        raise BadRequest("This is a web form, or a picture damaged by curl -d: use --data-binary.")
    return [body] if body else []
