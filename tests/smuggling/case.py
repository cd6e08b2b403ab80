"""What a case is, and how a request is written."""

from dataclasses import dataclass

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
HIDDEN_IN_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
HIDDEN_AFTER_CHUNKS = b"0\r\n\r\n" + SMUGGLED

ANSWERED = frozenset({200})
BAD = frozenset({400})
LENIENT = frozenset({200, 400})
# A body that is no picture, if it is taken for a body at all; 501 is for codings nobody knows.
BODY = frozenset({400, 415})
CODING = frozenset({400, 415, 501})


@dataclass(frozen=True)
class Case:
    """A request, and the statuses that are right for it, of NGINX and of the app alone.

    `ends` is false where the request promises more than it sends: it may get no answer.
    """

    name: str
    request: bytes
    statuses: frozenset[int] = BAD
    ends: bool = True


def ask(line: bytes = b"GET /livez HTTP/1.1", *headers: bytes, body: bytes = b"") -> bytes:
    """Return a request as it is written."""
    return b"\r\n".join([line, b"Host: a", *headers, b"", body])


def post(*headers: bytes, body: bytes = b"") -> bytes:
    """Return a POST of just these headers."""
    return ask(b"POST /predict HTTP/1.1", *headers, body=body)


def length(body: bytes) -> bytes:
    """Return the header that is right for a body."""
    return b"Content-Length: %d" % len(body)
