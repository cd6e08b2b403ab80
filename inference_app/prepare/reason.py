"""Why something failed, out of what libraries say about it."""

import textwrap


def first_line(error: Exception) -> str:
    """Return the first line of an exception's message, not too long, or else its type."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return textwrap.shorten(line, 200, placeholder=" ...").rstrip(" .:")
