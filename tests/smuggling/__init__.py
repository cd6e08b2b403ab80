"""Requests on which two servers may disagree where they end, and others that are no good HTTP.

Each is one request, to the byte: whatever it hides must not be answered, and what is sent after it
on the same connection must get its own answer. Most hide a request for ``/smuggled``.

The kinds follow RFC 9112 (sections 2.2, 5, 6, 7 and 11) and the field's names for them: CL.TE is a
front server that goes by Content-Length before one that goes by Transfer-Encoding, and so on.
"""

from tests.smuggling import framing, heads
from tests.smuggling.case import Case


def corpus() -> list[Case]:
    """Return all cases."""
    makers = (*framing.MAKERS, *heads.MAKERS)
    return [case for make in makers for case in make()]
