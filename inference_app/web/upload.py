"""The pictures in a request, however the client sent them."""

import base64
import binascii
import json
from dataclasses import dataclass

from flask import Request
from gunicorn.http.errors import ParseException
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from inference_app.errors import BadRequest, TooLarge

FIELDS = ("image", "file")
MOST_PARTS = 300  # of a form: pictures and whatever fields come along
_HOW = (
    "Send one as multipart field 'image' (curl -F image=@photo.jpg), as the request body "
    '(curl --data-binary @photo.jpg), or as JSON {"image": "<base64>"}.'
)


@dataclass(frozen=True)
class Upload:
    """The bytes of every picture in the request; `field` is the one of FIELDS they came in."""

    field: str
    pictures: list[bytes]


def read_upload(request: Request, most: int) -> Upload:
    """Read the pictures out of a request.

    Multipart is told by its Content-Type, everything else by its bytes: clients label raw bodies
    as anything (curl says a form). Raises BadRequest, or TooLarge beyond `most` pictures.
    """
    multipart = request.mimetype == "multipart/form-data"
    upload = _from_form(request) if multipart else _from_body(_body(request))
    if not upload.pictures:
        raise BadRequest(f"The request holds no picture. {_HOW}")
    if len(upload.pictures) > most:
        raise TooLarge(
            f"The request holds {len(upload.pictures)} pictures; this server takes {most} at once."
        )
    return upload


def _from_form(request: Request) -> Upload:
    parts = _parts(_body(request), request.mimetype_params.get("boundary", ""))
    for field in FIELDS:
        if field in parts:
            return Upload(field, parts[field])
    names = ", ".join(sorted(parts)) or "none"
    raise BadRequest(f"No picture in the form (its fields: {names}). {_HOW}")


def _parts(form: bytes, boundary: str) -> dict[str, list[bytes]]:
    """Return the contents of a form's parts by name.

    Not with Werkzeug's parser, which took a third of the time that a request costs beside decoding
    and inference.
    """
    parts: dict[str, list[bytes]] = {}
    name, chunks = "", list[bytes]()
    try:
        with PushMultipartParser(boundary, len(form), max_segment_count=MOST_PARTS) as parser:
            for event in parser.parse(form):
                if isinstance(event, MultipartSegment):
                    name, chunks = event.name or "", []
                elif event:
                    chunks.append(event)
                else:
                    parts.setdefault(name, []).append(b"".join(chunks))
    except MultipartError as error:
        raise BadRequest(f"The form cannot be read ({error}). {_HOW}") from None
    return parts


def _body(request: Request) -> bytes:
    try:
        body = request.get_data(cache=False)
        if request.content_length is None:
            # A chunked body ends at the limit without an error; to read on raises a 413.
            request.stream.read(1)
    except ParseException:
        raise BadRequest("The request's chunks are not valid HTTP.") from None
    return body


def _from_body(body: bytes) -> Upload:
    if body.lstrip()[:1] == b"{":
        return Upload("image", _from_json(body))
    return Upload("image", [body] if body else [])


def _from_json(body: bytes) -> list[bytes]:
    try:
        # Not strict: a shell's "$(base64 photo.jpg)" puts line ends into the string.
        values = json.loads(body, strict=False)["image"]
    except (ValueError, KeyError, RecursionError):
        raise BadRequest(f"The JSON holds no picture under 'image'. {_HOW}") from None
    return [_from_base64(value) for value in (values if isinstance(values, list) else [values])]


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise BadRequest(f"The JSON's 'image' is not base64 in a string. {_HOW}")
    if value.startswith("data:"):  # a data URL, as browsers make them
        value = value.partition(",")[2]
    try:
        return base64.b64decode("".join(value.split()), validate=True)  # lines may be wrapped
    except (binascii.Error, ValueError):
        raise BadRequest(f"The JSON's 'image' is not valid base64. {_HOW}") from None
