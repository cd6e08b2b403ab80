"""The body of an inference request: JSON, and after it what tensors hold as bytes."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from flask import Request
from msgspec import Meta, Raw, Struct
from numpy.typing import NDArray
from werkzeug.exceptions import UnsupportedMediaType

from inference_app.errors import BadRequest
from inference_app.model.classifier import Picture
from inference_app.model.pixels import denormalise
from inference_app.model.preprocessing import Preprocessing
from inference_app.web.journey import ready_model
from inference_app.web.json_body import MAX_MARKS, check_count, parse, read_numbers, read_pictures
from inference_app.web.upload import read_body

INPUT, OUTPUTS = "image", ("logits", "scores")
HEAD_LENGTH = "Inference-Header-Content-Length"

Natural = Annotated[int, Meta(ge=0)]


class Parameters(Struct):
    """What a request, its input, or an output that it asks for may say beside the protocol."""

    binary_data_size: Natural | None = None  # of the input: how many bytes come after the JSON
    binary_data: bool | None = None  # of an output: whether it is to come as bytes
    binary_data_output: bool = False  # of the request: whether all outputs are
    classification: Natural = 0  # of an output: how many classes are to come in its place


DEFAULT = Parameters()


class Input(Struct):
    """An input tensor; its lists are left as they are written, since they may have any length."""

    name: str
    datatype: str
    shape: Raw
    data: Raw = Raw()
    parameters: Parameters | None = None


class Output(Struct):
    """An output that is asked for."""

    name: str
    parameters: Parameters | None = None


class Body(Struct):
    """The JSON of a request."""

    inputs: list[Input]
    outputs: list[Output] | None = None
    id: str | None = None
    parameters: Parameters | None = None


class Upload(NamedTuple):
    """A request's pictures, and what it asks for."""

    pictures: Sequence[Picture]
    body: Body


def read(request: Request, max_pictures: int) -> Upload:
    """Read an inference request.

    Raises BadRequest, TooLarge, UnsupportedMediaType, and msgspec's ValidationError.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Compressed bodies are not taken. Send it without compression.")
    whole = read_body(request)
    length = request.headers.get(HEAD_LENGTH, str(len(whole)))
    if not (length.isdecimal() and len(length) < 12 and int(length) <= len(whole)):
        raise BadRequest(f"{HEAD_LENGTH} is not a length of JSON in a body of {len(whole)} bytes.")
    body = _parse(whole[: int(length)])
    data = _data(body.inputs[0], memoryview(whole)[int(length) :])
    return Upload(_pictures(body.inputs[0], data, max_pictures), body)


def _parse(text: bytes) -> Body:
    body = parse(text, Body, marks=(b'"', b"{"))
    if [each.name for each in body.inputs] != [INPUT]:
        raise BadRequest(f"The model has one input, {INPUT}: send that, and no other.")
    names = [each.name for each in body.outputs or []]
    if len(names) > len(set(names).intersection(OUTPUTS)):
        raise BadRequest(f"The model's outputs are {' and '.join(OUTPUTS)}: name each once.")
    return body


def _data(tensor: Input, rest: memoryview) -> memoryview | bytes:
    """Return a tensor's bytes, or its JSON, which is copied so that the whole can be freed."""
    size = (tensor.parameters or DEFAULT).binary_data_size
    if (size or 0) != len(rest):
        raise BadRequest(f"{len(rest)} bytes come after the JSON; binary_data_size is {size or 0}.")
    text, tensor.data, tensor.shape = bytes(tensor.data), Raw(), tensor.shape.copy()
    if size is None and not text.startswith(b"["):
        raise BadRequest("The input has no data: send a list, or bytes after the JSON.")
    return text if size is None else rest


def _pictures(tensor: Input, data: memoryview | bytes, max_pictures: int) -> Sequence[Picture]:
    """Return the pictures in a tensor, of which the first dimension is their number."""
    preprocessing = ready_model().preprocessing
    shape = _shape(tensor, preprocessing)
    check_count(shape[0], max_pictures)
    if tensor.datatype == "BYTES":
        return _encoded(data, shape[0])
    if tensor.datatype == "UINT8":
        return list(_numbers(data, shape, np.uint8))
    values = _numbers(data, shape, np.float32)
    if not np.isfinite(values).all():
        raise BadRequest("The input holds numbers that are not finite.")
    return list(denormalise(values, preprocessing))


def _shape(tensor: Input, preprocessing: Preprocessing) -> list[int]:
    """Return a tensor's shape, which must be one that the model takes."""
    height, width = preprocessing.crop
    layouts = {"BYTES": [], "UINT8": [height, width, 3], "FP32": [3, height, width]}
    try:
        shape = msgspec.json.decode(tensor.shape, type=list[int]) if len(tensor.shape) < 99 else []
    except msgspec.ValidationError:
        shape = []
    each = shape[1:] if tensor.datatype != "BYTES" or shape[1:] != [1] else []
    if shape[:1] < [1] or each != layouts.get(tensor.datatype):
        taken = " or ".join(f"{name} {['N', *rest]}" for name, rest in layouts.items())
        raise BadRequest(f"The datatype and shape of the input must be {taken}.".replace("'", ""))
    return shape


def _encoded(data: memoryview | bytes, count: int) -> list[bytes]:
    """Return the elements of a BYTES tensor: base64 in JSON, or each after its length."""
    if isinstance(data, bytes):
        flat = b"[%b]" % data.translate(None, b"[]")  # base64 has no brackets
        pictures, end = read_pictures(flat, "data", MAX_MARKS), len(data)
    else:
        pictures, end = [], 0
        while end < len(data) and len(pictures) < count:
            start = end + 4
            end = start + int.from_bytes(data[end:start], "little")
            pictures.append(bytes(data[start:end]))
    if len(pictures) != count or end != len(data):
        raise BadRequest(f"The input's data is not {count} elements, as its shape says.")
    return pictures


def _numbers(data: memoryview | bytes, shape: list[int], dtype: type[Any]) -> NDArray[Any]:
    """Return a tensor of numbers in its shape."""
    count = math.prod(shape)
    if isinstance(data, bytes):
        written = read_numbers(data, count)
        with np.errstate(invalid="ignore"):
            numbers = written.astype(dtype)
        if not np.array_equal(numbers, written):
            raise BadRequest("The input holds numbers that are not whole ones from 0 to 255.")
    else:
        size = count * np.dtype(dtype).itemsize
        if len(data) != size:
            raise BadRequest(f"The input has {len(data)} bytes; its shape says {size}.")
        numbers = np.frombuffer(data, dtype)
    return numbers.reshape(shape)
