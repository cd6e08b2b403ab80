"""What an inference request of any form costs: little more than its bytes."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from flask import Flask, request
from msgspec import ValidationError

from inference_app.errors import BadRequest, TooLarge
from inference_app.web.protocols.kserve.request import read
from tests.hostile.json_bodies import filled, long
from tests.web.test_json_body import BODY_BYTES, CPU_SECONDS, MEMORY_BYTES

PICTURES, VALUES = 16, 16 * 128 * 128 * 3


def of(data: bytes, datatype: bytes = b"UINT8", shape: bytes = b"[16,128,128,3]") -> bytes:
    """Return a request with this text as the tensor's data, in two parts."""
    head = b'{"inputs":[{"name":"image","datatype":"%b","shape":%b,"data":' % (datatype, shape)
    return head + data


def numbers(unit: bytes) -> Callable[[int], bytes]:
    """Return a maker of requests with as many numbers as the shape says, all of `unit`'s form."""

    def make(size: int) -> bytes:
        longest = size // VALUES - len(unit) - 1
        digits = unit + b"0" * longest
        return of(b"[" + b",".join([digits] * VALUES) + b"]}]}", b"FP32", b"[16,3,128,128]")

    return make


FP32 = of(b"[", b"FP32", b"[16,3,128,128]")
FORMS = {
    "as many numbers as there may be": numbers(b"1."),
    "numbers, too many": filled(FP32, b"1", b"]}]}"),
    "numbers in lists": filled(FP32, b"[1]", b"]}]}"),
    "lists, empty": filled(FP32, b"[]", b"]}]}"),
    "lists in lists": long(of(b""), b"[", b""),
    "one long number": long(FP32, b"9", b"]}]}"),
    "nulls": filled(FP32, b"null", b"]}]}"),
    "texts": filled(of(b"[", b"BYTES", b"[16]"), b'""', b"]}]}"),
    "pictures, too many": filled(of(b"[", b"BYTES", b"[16]"), b'"AAAA"', b"]}]}"),
    "a long shape": filled(
        b'{"inputs":[{"name":"image","datatype":"FP32","shape":[', b"1", b"]}]}"
    ),
    "inputs": filled(b'{"inputs":[', b'{"name":"","datatype":"","shape":1}', b"]}"),
    "inputs that are lists": filled(b'{"inputs":[', b"[]", b"]}"),
    "outputs": filled(b'{"inputs":[],"outputs":[', b'{"name":"scores"}', b"]}"),
    "parameters": filled(b'{"inputs":[],"parameters":{', b'"a":1', b"}}"),
    "an id": long(b'{"inputs":[],"id":"', b"7", b'"}'),
    "a long name": long(b'{"inputs":[{"datatype":"FP32","shape":[],"name":"', b"n", b'"}]}'),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_inference_request_of_any_form_costs_little(app: Flask, form: str) -> None:
    body = FORMS[form](BODY_BYTES)
    assert BODY_BYTES * 0.9 < len(body) < BODY_BYTES * 1.2
    with app.test_request_context("/", method="POST", data=body):
        start = time.process_time()
        read_or_refuse(form)
        seconds = time.process_time() - start
    tracemalloc.start()  # which takes its time as well
    try:
        with app.test_request_context("/", method="POST", data=body):
            read_or_refuse(form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(f"{form}: {seconds:.2f} s, {peak / 1e6:.0f} MB")
    assert seconds < CPU_SECONDS
    assert peak < BODY_BYTES + MEMORY_BYTES


def read_or_refuse(form: str) -> None:
    """Read a hostile body; it must be refused, or hold numbers."""
    try:
        read(request, PICTURES)
    except (BadRequest, TooLarge, ValidationError):
        assert form != "as many numbers as there may be"
    else:
        assert form == "as many numbers as there may be"
