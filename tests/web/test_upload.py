"""The pictures in a request, however they were sent."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge

from inference_app.errors import BadRequest, TooLarge
from inference_app.web.upload import Upload, read_upload
from tests.conftest import SAMPLES

PICTURE = bytes(range(256)) * 3
BASE64 = base64.b64encode(PICTURE).decode()
FORM_TYPE = "multipart/form-data; boundary=x"
FORM_LABEL = "application/x-www-form-urlencoded"  # curl's for any body


def form(*contents: bytes, name: str = "image") -> bytes:
    """Return a multipart form as browsers write it (Werkzeug's client omits empty contents)."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
    return b"".join(head + content + b"\r\n" for content in contents) + b"--x--\r\n"


def part(content: bytes = PICTURE, name: str = "photo.jpg") -> tuple[io.BytesIO, str]:
    """Return a file for a multipart form."""
    return io.BytesIO(content), name


def read(max_pictures: int = 3, **sent: Any) -> Upload:
    """Return what is read from a request that is sent as the test client would send it."""
    with Flask("x").test_request_context("/predict", method="POST", **sent):
        return read_upload(request, max_pictures)


@pytest.mark.parametrize("field", ["image", "file"])
def test_a_form_holds_a_picture(field: str) -> None:
    assert read(data={field: part()}) == Upload(field, [PICTURE])


@pytest.mark.parametrize("field", ["image", "file"])
def test_a_form_may_hold_several_pictures(field: str) -> None:
    upload = read(data={field: [part(b"1"), part(b"2"), part(b"3")]})
    assert upload == Upload(field, [b"1", b"2", b"3"])


def test_a_part_of_a_form_needs_no_file_name() -> None:
    assert read(data=form(PICTURE), content_type=FORM_TYPE) == Upload("image", [PICTURE])


def test_an_empty_part_is_a_picture_without_bytes() -> None:
    assert read(data=form(b""), content_type=FORM_TYPE) == Upload("image", [b""])


def test_of_both_fields_image_counts() -> None:
    assert read(data={"file": part(b"1"), "image": part(b"2")}) == Upload("image", [b"2"])


@pytest.mark.parametrize("content_type", [None, "image/jpeg", FORM_LABEL])
def test_the_body_may_be_the_picture(content_type: str | None) -> None:
    assert read(data=PICTURE, content_type=content_type) == Upload("image", [PICTURE])


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", FORM_LABEL])
def test_json_holds_base64(content_type: str | None) -> None:
    body = json.dumps({"image": BASE64})
    assert read(data=body, content_type=content_type) == Upload("image", [PICTURE])


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "no picture"),
        ({"data": b""}, "no picture"),
        ({"data": {"photo": part(), "size": "3"}}, "its fields: photo, size"),
        ({"data": PICTURE, "content_type": "multipart/form-data"}, "no boundary"),
        ({"json": {}}, "no picture under 'image'"),
        ({"json": {"image": []}}, "no picture"),
        ({"json": {"image": 7}}, "must be base64"),
        ({"data": json.dumps({"image": BASE64}).encode("utf-16")}, "UTF-8"),
        ({"data": "image=MQ==", "content_type": FORM_LABEL}, "--data-binary"),
    ],
)
def test_a_request_without_picture_is_told_how(sent: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest, match=says) as refused:
        read(**sent)
    assert "curl -F image=@photo.jpg" in str(refused.value)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.[jpw]*g*")), ids=lambda path: path.name)
def test_a_picture_damaged_by_curl_is_told_how(path: Path) -> None:
    assert read(data=path.read_bytes(), content_type=FORM_LABEL).pictures == [path.read_bytes()]
    lines = path.read_bytes().replace(b"\r", b"\n").split(b"\n")
    stripped = b"".join(line.partition(b"\0")[0] for line in lines)  # as curl 7.88 does
    with pytest.raises(BadRequest, match="use --data-binary"):
        read(data=stripped, content_type=FORM_LABEL)


@pytest.mark.parametrize(
    "sent",
    [{"data": form(*[b"1"] * 4), "content_type": FORM_TYPE}, {"json": {"image": ["MQ=="] * 4}}],
)
def test_too_many_pictures_are_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(TooLarge, match="4 pictures; this server takes 3"):
        read(**sent)


@pytest.mark.parametrize("length", [1001, 5000])
def test_a_body_of_unknown_length_may_not_be_too_long(length: int) -> None:
    app = Flask("x")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    chunked = {"wsgi.input": io.BytesIO(b"x" * length), "wsgi.input_terminated": True}
    with (
        app.test_request_context("/predict", method="POST", environ_overrides=chunked),
        pytest.raises((TooLarge, RequestEntityTooLarge)),
    ):
        read_upload(request, 3)


def test_a_body_of_unknown_length_is_read() -> None:
    chunked = {"wsgi.input": io.BytesIO(PICTURE), "wsgi.input_terminated": True}
    assert read(environ_overrides=chunked) == Upload("image", [PICTURE])
