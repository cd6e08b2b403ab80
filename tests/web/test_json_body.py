"""Pictures in JSON, and what JSON of any form costs."""

import base64
import json
import time
import tracemalloc

import pytest

from inference_app.errors import BadRequest, TooLarge
from inference_app.web.json_body import is_json, read_json, read_numbers
from tests.hostile.json_bodies import JSON_BODIES, NOT_A_PICTURE

PICTURE = bytes(range(256)) * 3
BASE64 = base64.b64encode(PICTURE).decode()
WRAPPED = base64.encodebytes(PICTURE).decode()

# What SECURITY.md promises of a body of the default MAX_UPLOAD_MB, beyond the body itself.
BODY_BYTES = 32 * 1024 * 1024
CPU_SECONDS = 1.0
MEMORY_BYTES = 100_000_000


@pytest.mark.parametrize(
    "body",
    [b"{", b' \r\n\t{"image"', b"[1]", b'\xef\xbb\xbf{"image": 1}', b"\xef\xbb\xbf \n{"],
)
def test_json_is_told_by_its_first_bytes(body: bytes) -> None:
    assert is_json(body)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"\xff\xd8\xff\xe0", b"\x89PNG", b"RIFF", b"x{", b"\xef\xbb\xbf", b'"']
)
def test_other_bodies_are_not_json(body: bytes) -> None:
    assert not is_json(body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_utf_16_is_told_to_be_in_utf_8(encoding: str) -> None:
    with pytest.raises(BadRequest, match="send it in UTF-8"):
        is_json(json.dumps({"image": BASE64}).encode(encoding))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"image": BASE64}),
        json.dumps({"image": WRAPPED}),
        json.dumps({"image": WRAPPED.replace("\n", "\r\n")}),
        json.dumps({"image": f"data:image/jpeg;base64,{BASE64}"}),
        json.dumps({"image": f"data:image/jpeg;base64,{BASE64}"}).replace("/", r"\/"),  # PHP
        json.dumps({"image": BASE64}).replace("+", r"\u002B"),  # .NET
        json.dumps({"image": BASE64[:7] + " " + BASE64[7:]}),
        f'{{"image": "{WRAPPED}"}}',  # a shell: "$(base64 photo.jpg)"
        "{\r\n\t" + f'"image": "{WRAPPED}"\r\n' + "}\r\n",
        f'\ufeff {{"image": "{BASE64}"}}',
        json.dumps({"name": "caf\u00e9 {", "image": BASE64, "other": [{"image": None}]}),
        json.dumps({"image": [BASE64]}),
    ],
)
def test_base64_is_taken_as_clients_write_it(text: str) -> None:
    assert read_json(text.encode(), 3) == [PICTURE]


def test_several_pictures_keep_their_order() -> None:
    body = {"image": ["MQ==", "data:image/png;base64,Mg==", "data:,Mw==", ""]}
    assert read_json(json.dumps(body).encode(), 4) == [b"1", b"2", b"3", b""]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{}", "no picture under 'image'"),
        (b'["MQ=="]', "no picture under 'image'"),
        (b'{"images": "MQ=="}', "no picture under 'image'"),
        (b"{", "cannot be read: Input data was truncated"),
        (b'{"image": "MQ==",}', r"cannot be read: JSON is malformed.*\(byte 17\)"),
        (b'{"image": "MQ=="} {', "trailing characters"),
        (b'{"image":' * 2_000, "cannot be read: maximum recursion depth"),
        (b'{"image": null}', "must be base64 in a string"),
        (b'{"image": 7}', "must be base64 in a string"),
        (b'{"image": {"image": "MQ=="}}', "must be base64 in a string"),
        (b'{"image": ["MQ==", 7]}', r"image\[1\]"),
        (b'{"image": ["MQ==", "*"]}', r"image\[1\]"),
        (b'{"image": "MQ"}', "Invalid base64"),
        (b'{"image": "MQ="}', "Invalid base64"),
        (b'{"image": "MQ*=="}', "Invalid base64"),
        (rb'{"image": "\u004dQ=="}', "holds a backslash"),
        (b'{"image": "data:MQ=="}', "Invalid base64"),
        ('{"image": "\u00e9"}'.encode(), "Invalid base64"),
        (b'{"image": "\xff"}', "Invalid base64"),
    ],
)
def test_json_without_a_picture_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_json(body, 3)


def test_values_beside_the_pictures_are_ignored_up_to_a_limit() -> None:
    def body(count: int) -> bytes:
        return b'{"tags": [' + b"1," * count + b'1], "image": "QUJD"}'

    assert read_json(body(9_000), 1) == [b"ABC"]
    with pytest.raises(TooLarge, match="too many values"):
        read_json(body(10_000), 1)


def test_too_many_pictures_are_refused() -> None:
    with pytest.raises(TooLarge, match="holds 4 pictures; this server takes 3"):
        read_json(b'{"image": ["", "", "", ""]}', 3)


@pytest.mark.parametrize(
    "text", [b"[1,2.5,-3e2,0]", b"[ [1 , 2.5], [-3e2,0.0] ]", b"[[[1],[2.5]],-300,-0]"]
)
def test_numbers_are_read_nested_or_flat(text: bytes) -> None:
    assert read_numbers(text, 4).tolist() == [1, 2.5, -300, 0]


@pytest.mark.parametrize("last", [b"7]", b"7 ]", b"[7]]"])
def test_long_lists_of_numbers_are_read_to_their_end(last: bytes) -> None:
    numbers = read_numbers(b"[" + b"0.125," * 99_999 + last, 100_000)
    assert numbers.sum() == 0.125 * 99_999 + 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[]", "holds 1 values where there must be 4"),
        (b"[1,2,3,4,5]", "holds 5 values"),
        (b'[1,2,3,"4"]', "must hold numbers"),
        (b"[1,2,3,null]", "must hold numbers"),
        (b"[true,2,3,4]", "must hold numbers"),
        (b"[1,2,[],4]", "must hold numbers"),
        (b"[[],[],[],[]]", "must hold numbers"),
        (b"[{},2,3,4]", "must hold numbers"),
        (b"[1,2,3,[]]", "must hold numbers"),
        (b"[1,2,3,1e999]", "must hold numbers"),
    ],
)
def test_a_list_of_anything_but_so_many_numbers_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_numbers(text, 4)


@pytest.mark.parametrize("form", JSON_BODIES)
def test_a_body_of_any_form_costs_little(form: str) -> None:
    body = JSON_BODIES[form](BODY_BYTES)
    assert BODY_BYTES * 0.9 < len(body) <= BODY_BYTES
    start = time.process_time()
    read_or_refuse(form, body)
    seconds = time.process_time() - start
    tracemalloc.start()  # which takes its time as well
    try:
        read_or_refuse(form, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(f"{form}: {seconds:.2f} s, {peak / 1e6:.0f} MB")
    assert seconds < CPU_SECONDS
    assert peak < MEMORY_BYTES


def read_or_refuse(form: str, body: bytes) -> None:
    """Read a hostile body; it must be refused, or be base64."""
    try:
        read_json(body, 16)
    except (BadRequest, TooLarge):
        assert form not in NOT_A_PICTURE
    else:
        assert form in NOT_A_PICTURE
