"""Pictures in a multipart form (RFC 7578)."""

from collections.abc import Sequence

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from inference_app.errors import BadRequest

FIELDS = ("image", "file")
MAX_PARTS = 300  # pictures, and fields that do not count
_LIMITS = {
    "max_segment_count": MAX_PARTS,
    # Each line of a header that goes on over several costs as much as all before it.
    "max_header_size": 1024,
    "max_header_count": 5,
    # File names come in any charset, and are not used: in Latin-1 every byte is a letter.
    "header_charset": "latin-1",
}
_PLAIN = ("binary", "8bit", "7bit")  # RFC 2045, section 6: what encodes nothing


def read_form(
    form: bytes, boundary: str, fields: Sequence[str] = FIELDS
) -> tuple[str, list[bytes]]:
    """Return the first of `fields` that the form has, and its pictures; raises BadRequest."""
    if not boundary:
        raise BadRequest(
            "The form's Content-Type has no boundary: let the library that writes the form set it."
        )
    try:
        parts = _parts(form, boundary, fields)
    except MultipartError as error:
        raise BadRequest(f"The form cannot be read: {error}.") from None
    for field in fields:
        if field in parts:
            return field, parts[field]
    raise BadRequest(f"The form has no field '{fields[0]}'; its fields: {_listed(parts)}.")


def _parts(form: bytes, boundary: str, fields: Sequence[str]) -> dict[str, list[bytes]]:
    """Return the contents of a form's parts by name.

    Not with Werkzeug's parser, which took a third of the time that a request costs beside decoding
    and inference.
    """
    parts: dict[str, list[bytes]] = {}
    name, chunks = "", list[bytes]()
    with PushMultipartParser(boundary, len(form), **_LIMITS) as parser:
        for event in parser.parse(form):
            if isinstance(event, MultipartSegment):
                name, chunks = _name(event, fields), []
            elif event:
                chunks.append(event)
            else:
                parts.setdefault(name, []).append(b"".join(chunks))
    return parts


def _name(part: MultipartSegment, fields: Sequence[str]) -> str:
    """Return the part's field; raises BadRequest if it is a picture's and holds it encoded."""
    name: str = part.name or ""
    if name in fields:
        encoding = part.header("Content-Transfer-Encoding", "binary").strip().lower()
        if encoding not in _PLAIN:
            raise BadRequest(f"The form's '{name}' is in {encoding[:20]}: send the file's bytes.")
        if (part.content_type or "").startswith("multipart/"):
            raise BadRequest(f"The form's '{name}' is a form: send each picture as its own part.")
    return name


def _listed(parts: dict[str, list[bytes]]) -> str:
    names = [name.encode("latin-1").decode("utf-8", "replace")[:40] for name in sorted(parts)]
    more = len(names) - 5
    return (", ".join(names[:5]) or "none") + (f" and {more} more" if more > 0 else "")
