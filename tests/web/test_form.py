"""Pictures in multipart forms, as good, old and broken clients write them."""

import time
import tracemalloc

import pytest

from inference_app.errors import BadRequest
from inference_app.web.form import MAX_PARTS, read_form

# What SECURITY.md promises of a body of the default MAX_UPLOAD_MB, beyond the body itself.
BODY_BYTES = 32 * 1024 * 1024
CPU_SECONDS = 1.0
MEMORY_BYTES = 100_000_000
PICTURE = bytes(range(256)) * 3
END = b"--x--\r\n"


def part(content: bytes = PICTURE, name: str = "image", more: bytes = b"") -> bytes:
    """Return a part of a form; `more` goes on after its name, in its head."""
    return b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name.encode(),
        more,
        content,
    )


@pytest.mark.parametrize("field", ["image", "file"])
def test_a_form_may_hold_several_pictures(field: str) -> None:
    form = part(b"1", field) + part(b"2", field) + part(b"3", field) + END
    assert read_form(form, "x") == (field, [b"1", b"2", b"3"])


def test_of_both_fields_image_counts() -> None:
    assert read_form(part(b"1", "file") + part(b"2") + END, "x") == ("image", [b"2"])


def test_other_fields_are_ignored() -> None:
    encoded = part(b"=31", "note", b"\r\nContent-Transfer-Encoding: quoted-printable")
    assert read_form(part(b"1", "") + encoded + part() + END, "x") == ("image", [PICTURE])


def test_an_empty_part_is_a_picture_without_bytes() -> None:
    assert read_form(part(b"") + END, "x") == ("image", [b""])


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "shift-jis", "gbk", "koi8-r", "cp1252"])
def test_file_names_may_come_in_any_charset(charset: str) -> None:
    name = "\u8868\u30bd.jpg" if charset in ("shift-jis", "gbk") else "\u00e9\u0436.jpg"
    encoded = name.encode(charset, "ignore")
    assert read_form(part(more=b'; filename="%s"' % encoded) + END, "x") == ("image", [PICTURE])


@pytest.mark.parametrize("encoding", [b"binary", b"8bit", b" 7BIT "])
def test_an_encoding_that_changes_nothing_is_taken(encoding: bytes) -> None:
    form = part(more=b"\r\nContent-Transfer-Encoding: " + encoding) + END
    assert read_form(form, "x") == ("image", [PICTURE])


@pytest.mark.parametrize(
    ("form", "boundary", "says"),
    [
        (part() + END, "", "no boundary"),
        (part() + END, "y", "Unexpected end of multipart"),
        (part(), "x", "Unexpected end of multipart"),
        (b"", "x", "Unexpected end of multipart"),
        (END, "x", "no field 'image'; its fields: none"),
        (part(name="photo") + part(name="size") + END, "x", "its fields: photo, size"),
        (part(name="caf\u00e9") + END, "x", "its fields: caf\u00e9"),
        (
            b"".join(part(b"", f"f{n}") for n in range(9)) + END,
            "x",
            "f0, f1, f2, f3, f4 and 4 more",
        ),
        (part(name="n" * 900) + END, "x", "its fields: n{40}\\."),
        (part() * (MAX_PARTS + 1) + END, "x", "Maximum segment count"),
        (part(more=b"\r\nX: " + b"a" * 5000) + END, "x", "Maximum segment header length"),
        (part(more=b"\r\nX: a" * 5) + END, "x", "Maximum segment header count"),
        (part(more=b"\r\nContent-Transfer-Encoding: base64") + END, "x", "'image' is in base64"),
        (part(more=b"\r\nContent-Type: multipart/mixed; boundary=y") + END, "x", "is a form"),
        (part().replace(b"form-data", b"attachment") + END, "x", "Wrong type"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(form: bytes, boundary: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_form(form, boundary)


@pytest.mark.parametrize("head", [b"\r\n ;" * 312, b";a" * 475, b'; a="' * 190, b"; " * 475])
def test_the_largest_heads_of_the_most_parts_cost_little(head: bytes) -> None:
    headers = head + (b'\r\nContent-Disposition: form-data; name="image"' + head) * 4
    form = part(b"1", more=headers) * MAX_PARTS + END
    start = time.process_time()
    assert len(read_form(form, "x")[1]) == MAX_PARTS
    assert time.process_time() - start < CPU_SECONDS


@pytest.mark.parametrize("unit", [b"\r\n--", b"\r", b"\r\n--y\r\n"])
def test_a_large_part_costs_little(unit: bytes) -> None:
    content = unit * (BODY_BYTES // len(unit))
    form = part(content) + END
    start = time.process_time()
    tracemalloc.start()
    try:
        assert read_form(form, "x") == ("image", [content])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < CPU_SECONDS
    assert peak < MEMORY_BYTES
