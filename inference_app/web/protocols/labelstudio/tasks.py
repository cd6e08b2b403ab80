"""The tasks of a request, with their pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from flask import Request

from inference_app.errors import BadRequest, RequestError, TooLarge
from inference_app.model.classifier import Answer
from inference_app.web import journey
from inference_app.web.json_body import MARKS, MAX_MARKS, parse, read_pictures
from inference_app.web.protocols.labelstudio.label_config import LabelConfig
from inference_app.web.protocols.labelstudio.source import Source
from inference_app.web.state import current_state
from inference_app.web.upload import read_body

MAX_TASK = 100_000  # bytes, where there are many


class _Task(msgspec.Struct):
    data: dict[str, msgspec.Raw]


class _Body(msgspec.Struct):
    label_config: msgspec.Raw
    tasks: msgspec.Raw


@dataclass(frozen=True)
class Tasks:
    """A project's label config, and each task's picture, or why it has none."""

    config: LabelConfig
    found: Sequence[bytes | RequestError]

    @property
    def pictures(self) -> list[bytes]:
        """The pictures that were found."""
        return [each for each in self.found if isinstance(each, bytes)]

    def in_order(self, answers: Sequence[Answer | RequestError]) -> list[Answer | RequestError]:
        """Return the answer to each task; raises an error if there is none to any."""
        rest = iter(answers)
        results = [next(rest) if isinstance(each, bytes) else each for each in self.found]
        _raise_if_all(results)
        return results


def read_tasks(request: Request, max_pictures: int) -> Tasks:
    """Read the tasks, and fetch their pictures; raises an error if there is none of any."""
    body = parse(read_body(request), _Body, marks=())  # which takes the tasks as text
    config = LabelConfig.of_json(bytes(body.label_config))
    config.match(journey.ready_model().labels)
    tasks = _tasks(bytes(body.tasks), max_pictures)
    del body
    source = Source(current_state().settings)
    found = [_picture(task.data.get(config.key), config.key, source) for task in tasks]
    _raise_if_all(found)
    return Tasks(config, found)


def _tasks(text: bytes, max_pictures: int) -> list[_Task]:
    """Return the tasks, or the first alone of more than `max_pictures`.

    Label Studio sends all that are selected in one request. If it gets a single result, it asks for
    one task after the other.
    """
    if sum(map(text.count, MARKS)) > MAX_MARKS:  # too much to make objects of
        text = _first(text)
    tasks = msgspec.json.decode(text, type=list[_Task])
    if not tasks:
        raise BadRequest("The request has no tasks.")
    return tasks if len(tasks) <= max_pictures else tasks[:1]


def _first(text: bytes) -> bytes:
    """Return a list of the first task alone, without a look at the others."""
    start = text[1:MAX_TASK].decode("utf-8", "ignore").lstrip()
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        raise TooLarge(f"The first task has more than {MAX_TASK} bytes.") from None
    return f"[{start[:end]}]".encode()


def _picture(value: msgspec.Raw | None, key: str, source: Source) -> bytes | RequestError:
    try:
        if value is None:
            raise BadRequest(f"A task's data has no '{key[:40]}'.")
        text = bytes(value)
        if text.startswith(b'"data:'):
            return read_pictures(text, key, 1)[0]
        return source.fetch(msgspec.json.decode(text, type=str))
    except RequestError as error:
        return type(error)(str(error))


def _raise_if_all(results: Sequence[object]) -> None:
    errors = [each for each in results if isinstance(each, RequestError)]
    if len(errors) == len(results):
        raise errors[0]
