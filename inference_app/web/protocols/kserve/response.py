"""The response to an inference request, with tensors in JSON or in binary after it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from flask import Response
from numpy.typing import NDArray

from inference_app.model.classifier import Answer, ranking
from inference_app.web.protocols.kserve.request import (
    DEFAULT,
    HEAD_LENGTH,
    OUTPUTS,
    Output,
    Upload,
)

Array = NDArray[Any]

VERSION = "1"  # of every model: the hash tells models of one name apart


def respond(upload: Upload, answers: Sequence[Answer]) -> Response:
    """Return the outputs that were asked for: (pictures, classes) each."""
    outputs, binaries = [], []
    body = upload.body
    for asked in body.outputs or [Output(OUTPUTS[0])]:
        parameters = asked.parameters or DEFAULT
        described, data = _tensor(asked, parameters.classification, answers)
        binary = parameters.binary_data
        if (body.parameters or DEFAULT).binary_data_output if binary is None else binary:
            binaries.append(_to_bytes(data))
            described["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            described["data"] = data.ravel().tolist()
        outputs.append(described)
    head = {"model_name": answers[0].model.name, "model_version": VERSION, "outputs": outputs}
    text = msgspec.json.encode(head if body.id is None else head | {"id": body.id})
    if not binaries:
        return Response(text, mimetype="application/json")
    response = Response(b"".join([text, *binaries]), mimetype="application/octet-stream")
    response.headers[HEAD_LENGTH] = str(len(text))
    return response


def _tensor(asked: Output, classes: int, answers: Sequence[Answer]) -> tuple[dict[str, Any], Array]:
    """Return the description of an output, and its data."""
    if classes:
        data = np.array([_classify(each, classes) for each in answers], np.object_)
    else:
        data = np.array([getattr(each, asked.name) for each in answers], np.float32)
    datatype = "BYTES" if classes else "FP32"
    return {"name": asked.name, "datatype": datatype, "shape": list(data.shape)}, data


def _classify(answer: Answer, classes: int) -> list[str]:
    """Return ``"score:index:label"`` of the highest scores, as Triton's extension writes them.

    The score is that of the activation, also where logits are asked for.
    """
    indices = ranking(answer.scores, classes)
    return [
        f"{each.score:f}:{index}:{each.name}"
        for index, each in zip(indices, answer.top(classes), strict=True)
    ]


def _to_bytes(data: Array) -> bytes:
    """Return a tensor's bytes; of strings, each after its length in four bytes."""
    if data.dtype != np.object_:
        return data.tobytes()
    texts = [text.encode() for text in data.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
