"""The way of every request for predictions, whatever its protocol."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from flask import Request, request

from inference_app.errors import RequestError
from inference_app.model.classifier import Answer, Picture
from inference_app.model.prepared import PreparedModel
from inference_app.telemetry import metrics
from inference_app.telemetry.context import RequestContext, current
from inference_app.web.admission import has_disconnected
from inference_app.web.state import current_state


class HasPictures(Protocol):
    """What a protocol reads out of a request; it may hold more, for the response."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """At least one."""


Upload = TypeVar("Upload", bound=HasPictures)


def classify(
    read: Callable[[Request, int], Upload], model: str | None = None, *, fetches: bool = False
) -> tuple[Upload, list[Answer | RequestError]]:
    """Take a request's pictures through the whole journey: admit, read, decode, infer.

    `read` takes the request and the most pictures that one may hold; if it `fetches` them, as many
    bytes as a body may have, memory is reserved for so many. `model` is the model's name, if the
    client says one. Returns what `read` returned, and each picture's answer or the error that is
    its own; raises every other RequestError.
    """
    state, context = current_state(), current()
    state.api_keys.check(request)
    classifier = state.ready_classifier(model)
    disconnected = partial(has_disconnected, request.environ.get("gunicorn.socket"))
    length = None if fetches else request.content_length
    admit = state.admission.enter(classifier.capacity, length, disconnected)
    with admit as admitted, metrics.IN_FLIGHT.track_inprogress():
        with context.timing.stage("read"):
            upload = read(request, state.settings.max_pictures)
        context.pictures = len(upload.pictures)
        admitted.has_pictures(len(upload.pictures))
        answers = classifier.infer_all(upload.pictures, context.timing, admitted)
    _note(answers, context)
    return upload, answers


def _note(answers: Sequence[Answer | RequestError], context: RequestContext) -> None:
    """Note for the log the label of a single picture, or why the first that failed did."""
    failures = [answer for answer in answers if isinstance(answer, RequestError)]
    if failures:
        context.error_type, context.error_message = failures[0].type, str(failures[0])
    elif len(answers) == 1 and isinstance(answers[0], Answer):
        context.label = answers[0].name


def classify_first(
    read: Callable[[Request, int], Upload], model: str | None = None
) -> tuple[Upload, Answer]:
    """Do the same for a protocol with one picture in a request; raises its error too."""
    upload, (answer, *_) = classify(read, model)
    if isinstance(answer, RequestError):
        raise answer
    return upload, answer


def ready_model(name: str | None = None) -> PreparedModel:
    """Return the model that is served; raises NotReady, or UnknownModel if `name` is another's."""
    return current_state().ready_classifier(name).model
