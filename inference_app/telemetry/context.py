"""What is known of the current request while it is handled, as one typed object."""

from dataclasses import dataclass, field

from flask import g

from inference_app.timing import Timing


@dataclass
class RequestContext:
    """A request's id and stage timings, and what is known of it later."""

    id: str
    timing: Timing = field(default_factory=Timing)
    pictures: int | None = None  # once they are read
    label: str | None = None  # of a single picture, once it is classified
    error_type: str | None = None
    error_message: str | None = None  # as the client gets it
    exception: Exception | None = None  # of a failure that is not the client's

    def enter(self) -> None:
        """Make this the context of the request that begins."""
        g.request_context = self


def current() -> RequestContext:
    """Return the context of the current request."""
    context: RequestContext = g.request_context
    return context
