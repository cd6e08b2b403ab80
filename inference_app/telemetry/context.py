"""What is known of the current request while it is handled, as one typed object."""

from dataclasses import dataclass, field

from flask import g

from inference_app.timing import Timing


@dataclass
class RequestContext:
    """A request's id and stage timings; `error_type` once it failed, `pictures` once read."""

    id: str
    timing: Timing = field(default_factory=Timing)
    pictures: int | None = None
    error_type: str | None = None

    def enter(self) -> None:
        """Make this the context of the request that begins."""
        g.request_context = self


def current() -> RequestContext:
    """Return the context of the current request."""
    context: RequestContext = g.request_context
    return context
