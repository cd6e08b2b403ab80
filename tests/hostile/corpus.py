"""All hostile requests together."""

from tests.hostile import messages, pictures
from tests.hostile.case import Case

MAKERS = (
    *(pictures.truncated, pictures.flipped, pictures.bombs, pictures.kinds, pictures.metadata),
    pictures.other_formats,
    *(messages.labelled, messages.forms, messages.parts, messages.encoded, messages.addressed),
)


def corpus() -> list[Case]:
    """Return all cases; the same every time."""
    return [case for make in MAKERS for case in make()]
