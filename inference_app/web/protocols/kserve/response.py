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

VERSION = "1"  # of every model: the hash tells models of one name apart


def respond(upload: Upload, answers: Sequence[Answer]) -> Response:
    """Return the outputs that were asked for, (pictures, classes) each."""
    body = upload.body
    in_binary = (body.parameters or DEFAULT).binary_data_output
    asked = body.outputs or [Output(OUTPUTS[0])]
    tensors = [_tensor(each, answers, in_binary) for each in asked]
    head = {
        "model_name": answers[0].model.name,
        "model_version": VERSION,
        **({} if body.id is None else {"id": body.id}),
        "outputs": [described for described, _ in tensors],
    }
    text, binary = msgspec.json.encode(head), b"".join(data for _, data in tensors)
    if not binary:
        return Response(text, mimetype="application/json")
    response = Response(text + binary, mimetype="application/octet-stream")
    response.headers[HEAD_LENGTH] = str(len(text))
    return response


def _tensor(
    asked: Output, answers: Sequence[Answer], in_binary: bool
) -> tuple[dict[str, Any], bytes]:
    """Return an output as it stands in the JSON, and what of it comes after that."""
    parameters = asked.parameters or DEFAULT
    if parameters.classification:
        rows = [_classify(each, parameters.classification) for each in answers]
        datatype, data = "BYTES", np.array(rows, np.object_)
    else:
        rows = [getattr(each, asked.name) for each in answers]
        datatype, data = "FP32", np.array(rows, np.float32)
    described = {"name": asked.name, "datatype": datatype, "shape": list(data.shape)}
    if in_binary if parameters.binary_data is None else parameters.binary_data:
        binary = _to_bytes(data)
        return described | {"parameters": {"binary_data_size": len(binary)}}, binary
    return described | {"data": data.ravel().tolist()}, b""


def _classify(answer: Answer, classes: int) -> list[str]:
    """Return ``"score:index:label"`` of the highest scores, as Triton's extension writes them.

    The score is that of the activation, also where logits are asked for.
    """
    indices = ranking(answer.scores, classes)
    return [
        f"{each.score:f}:{index}:{each.name}"
        for index, each in zip(indices, answer.top(classes), strict=True)
    ]


def _to_bytes(data: NDArray[Any]) -> bytes:
    """Return a tensor's bytes; of strings, each after its length in four bytes."""
    if data.dtype != np.object_:
        return data.tobytes()
    texts = [text.encode() for text in data.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
