"""Why something failed, out of what libraries say about it."""


def first_line(error: Exception) -> str:
    """Return the first line of an exception's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(" .:")
