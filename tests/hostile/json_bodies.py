"""JSON bodies that cost a parser more than their bytes: each a function of the body's size."""

from collections.abc import Callable


def filled(start: bytes, unit: bytes, end: bytes) -> Callable[[int], bytes]:
    """Return a maker of bodies that repeat `unit`, with commas between, as often as they can."""

    def make(size: int) -> bytes:
        count = (size - len(start) - len(end)) // (len(unit) + 1)
        return start + b",".join([unit] * count) + end

    return make


def long(start: bytes, unit: bytes, end: bytes, multiple: int = 1) -> Callable[[int], bytes]:
    """Return a maker of bodies that repeat `unit` without commas, a `multiple` of times."""

    def make(size: int) -> bytes:
        count = (size - len(start) - len(end)) // len(unit)
        return start + unit * (count // multiple * multiple) + end

    return make


def different_keys(size: int) -> bytes:
    """Return an object of keys that are all different."""
    return b"{" + b",".join(b'"%07d":1' % number for number in range(size // 12)) + b"}"


def sixteen(start: bytes, unit: bytes, end: bytes) -> Callable[[int], bytes]:
    """Return a maker of lists of 16 such strings: as many as a request may hold."""
    one = long(start, unit, end, 4)
    return lambda size: b'{"image":[' + b",".join([one(size // 16 - 10)] * 16) + b"]}"


# Beside the picture, or without one.
WITHOUT_PICTURE = {
    "lists": filled(b'{"a":[', b"[]", b"]}"),
    "objects": filled(b'{"a":[', b"{}", b"]}"),
    "floats": filled(b'{"a":[', b"1.5e3", b"]}"),
    "integers": filled(b'{"a":[', b"1", b"]}"),
    "strings": filled(b'{"a":[', b'""', b"]}"),
    "different keys": different_keys,
    "equal keys": filled(b"{", b'"":1', b"}"),
    "a long key": long(b'{"', b"k", b'":1}'),
    "a long key of escapes": long(b'{"', rb"\u0041", b'":1}'),
    "a long string of bytes that are not UTF-8": long(b'{"a":"', b"\xff", b'"}'),
    "a long integer": long(b'{"a":', b"9", b"}"),
    "lists in lists": long(b'{"a":', b"[", b""),
    "objects in objects": long(b"", b'{"a":', b""),
    "a list": long(b"", b"[", b""),
    "braces": long(b"", b"{", b""),
    "bytes after its end": long(b'{"image":"AAAA"}', b"x", b""),
}
# Where the picture is to be.
IN_PLACE_OF_PICTURE = {
    "image again and again, as a number": filled(b"{", b'"image":1', b"}"),
    "image in escapes, again and again": filled(b"{", rb'"\u0069mage":"AA=="', b',"image":1}'),
    "image, a list of empty strings": filled(b'{"image":[', b'""', b"]}"),
    "image, a list of nulls": filled(b'{"image":[', b"null", b"]}"),
    "image, a list of lists": filled(b'{"image":[', b"[]", b"]}"),
    "image, a list of integers": filled(b'{"image":[', b"1", b"]}"),
    "image in image": long(b"", b'{"image":', b""),
    "image, lists in lists": long(b'{"image":', b"[", b""),
    "image, a long integer": long(b'{"image":', b"9", b"}"),
    "image, a long fraction": long(b'{"image":0.', b"9", b"}"),
    "image, a long exponent": long(b'{"image":1e', b"9", b"}"),
    "image, without an end": long(b'{"image":"', b"A", b""),
    "image, letters in escapes": long(b'{"image":"', rb"\u0041", b'"}', 4),
    "image, backslashes": long(b'{"image":"', rb"\\", b'"}'),
    "image, backslashes before blanks": long(b'{"image":"', b"\\ n", b'"}'),
    "image, bytes that are not UTF-8": long(b'{"image":"', b"\xff", b'"}'),
    "image, a wide character": long(b'{"image":"', b"A", '\N{GRINNING FACE}"}'.encode()),
    "image, a wide character in escapes": long(b'{"image":"', b"A", rb'\ud83d\ude00"}'),
    "image, heads of data URLs": long(b'{"image":"', b"data:", b'"}'),
    "image, 16 times heads of data URLs": sixteen(b'"', b"data:", b'"'),
}
# Base64, and yet no picture when it is decoded.
NOT_A_PICTURE = {
    "base64": long(b'{"image":"', b"AAAA", b'"}'),
    "base64 of line ends": long(b'{"image":"', b"\r\n", b'AAAA"}'),
    "base64 in lines": long(b'{"image":"', b"A" * 76 + b"\n", b'"}'),
    "base64 in escaped lines": long(b'{"image":"', b"A" * 76 + rb"\n", b'"}'),
    "base64 in lines of one": long(b'{"image":"', b"A ", b'"}', 4),
    "base64 in escapes": long(b'{"image":"', rb"\u002b", b'"}', 4),
    "base64 in escaped slashes": long(b'{"image":"', rb"\/", b'"}', 4),
    "base64 in a data URL": long(b'{"image":"data:image/jpeg;base64,', b"AAAA", b'"}'),
    "base64, 16 times": sixteen(b'"', b"A", b'"'),
    "base64, 16 times in data URLs": sixteen(b'"data:image/jpeg;base64,', b"A", b'"'),
    "base64 after blanks": long(b"", b" ", b'{"image":"AAAA"}'),
    "base64 after line ends": long(b"", b"\n", b'{"image":"AAAA"}'),
}
JSON_BODIES = WITHOUT_PICTURE | IN_PLACE_OF_PICTURE | NOT_A_PICTURE
