"""Pictures in a JSON body: ``{"image": "<base64>"}``, or a list of them.

The body is decoded without making objects of anything but the pictures: msgspec skips other keys,
and turns base64 into bytes without a string between. Base64 has no marks such as commas, so a body
of many is refused before it is parsed. A hostile body costs little more than its bytes, whatever
its form; tests/web/test_json_body.py holds the limits.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference_app.errors import BadRequest, TooLarge

MAX_MARKS = 10_000  # of MARKS in a body; 16 pictures have a hundred
MARKS = (b'"', b",", b"[", b"{")
PART = 65_536  # bytes of numbers that are parsed together

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]")
_UTF_16_START = re.compile(rb"\xff\xfe|\xfe\xff|\0{|{\0")
# A shell's "$(base64 photo.jpg)" puts line ends into the string, where JSON has none.
_LINE_ENDS_TO_SPACES = bytes.maketrans(b"\r\n\t", b"   ")
_DATA_URL_START = re.compile(rb'"data:[^,"]*,')  # browsers' FileReader (RFC 2397)
# How base64 comes in JSON: wrapped in lines, and with letters that PHP, .NET or Gson escape.
_PLAIN = {b" ": b"", rb"\n": b"", rb"\r": b"", rb"\/": b"/"} | {
    (escape % ord(letter)).encode(): letter.encode()
    for letter in "+/="
    for escape in (r"\u%04x", r"\u%04X")
}


class _Body(msgspec.Struct):
    image: msgspec.Raw


Body = TypeVar("Body", bound=msgspec.Struct)
_images = msgspec.json.Decoder(bytes | list[bytes])
_numbers = msgspec.json.Decoder(list[float])
_decoder = cache(msgspec.json.Decoder)


def is_json(body: bytes) -> bool:
    """Tell JSON from pictures, by its first bytes; raises BadRequest for UTF-16."""
    if _UTF_16_START.match(body):
        raise BadRequest("The JSON is in UTF-16: send it in UTF-8.")
    return _START.match(body) is not None


def read_json(body: bytes, max_pictures: int) -> list[bytes]:
    """Return the pictures in a JSON body; raises BadRequest, or TooLarge beyond `max_pictures`."""
    try:
        return read_pictures(bytes(parse(body, _Body).image), "image", max_pictures)
    except msgspec.ValidationError:
        raise BadRequest("The JSON holds no picture under 'image'.") from None


def parse(body: bytes, type_: type[Body], marks: Sequence[bytes] = MARKS) -> Body:
    """Return a body as a struct, in which a picture is a `msgspec.Raw`.

    `marks` are those that an object is made for at most: a struct whose lists are Raw needs fewer.

    Raises BadRequest, TooLarge for too many values, and msgspec's ValidationError if the body is
    JSON but not that struct.
    """
    if sum(map(body.count, marks)) > MAX_MARKS:
        raise TooLarge("The JSON holds too many values. Send nothing but pictures in it.")
    try:
        text = body.removeprefix(codecs.BOM_UTF8).translate(_LINE_ENDS_TO_SPACES)
        parsed: Body = _decoder(type_).decode(text)
        return parsed
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The JSON cannot be read: {error}.") from None


def read_pictures(text: bytes, key: str, max_pictures: int) -> list[bytes]:
    """Return the pictures, at least one, in the JSON text of the value of `key`: base64, or a list.

    The text is copied out of the struct that `parse` returned, which holds the whole body: keep no
    reference to that.

    Raises BadRequest, or TooLarge beyond `max_pictures`.
    """
    text = _plain_text(text, key)
    check_count(text.count(b'"') // 2, max_pictures)  # before a list is made of them
    try:
        images = _images.decode(text)
    except msgspec.MsgspecError as error:
        problem = str(error).replace("$", key)
        raise BadRequest(
            f"The JSON's '{key}' must be base64 in a string, or a list of such: {problem}."
        ) from None
    if images == []:
        raise BadRequest(f"The JSON's '{key}' holds no picture.")
    return images if isinstance(images, list) else [images]


def read_numbers(text: bytes, count: int) -> NDArray[np.float32]:
    """Return so many numbers, float32 (count,), in the JSON text of a list, nested or flat.

    They are counted before they are parsed. Raises BadRequest.
    """
    flat = text.translate(None, b"[]")
    if (found := flat.count(b",") + 1) != count:
        raise BadRequest(f"The list holds {found} values where there must be {count}.")
    numbers, done = np.empty(count, np.float32), 0
    try:
        for part in map(_numbers.decode, _parts(flat)):
            with np.errstate(over="ignore"):  # to infinity
                numbers[done : done + len(part)] = part
            done += len(part)
    except msgspec.MsgspecError:
        done = 0
    if done < count:
        raise BadRequest("The list must hold numbers, and nothing else.")
    return numbers


def _parts(flat: bytes) -> Iterator[bytes]:
    """Yield lists of the elements between commas: small ones, since a float takes 32 bytes."""
    end = -1
    while end < len(flat):
        start, end = end + 1, flat.find(b",", end + PART)
        end = len(flat) if end < 0 else end
        yield b"[%b]" % flat[start:end]


def check_count(pictures: int, max_pictures: int) -> None:
    """Raise TooLarge if a request holds too many pictures."""
    if pictures > max_pictures:
        raise TooLarge(
            f"The request holds {pictures} pictures; this server takes {max_pictures} at once."
        )


def _plain_text(text: bytes, key: str) -> bytes:
    """Remove what may stand around base64 and in it; raises BadRequest for any other escape."""
    for head in set(_DATA_URL_START.findall(text)):
        text = text.replace(head, b'"')
    for escaped, plain in _PLAIN.items():
        text = text.replace(escaped, plain)
    if b"\\" in text:  # msgspec would need memory for another copy
        raise BadRequest(f"The JSON's '{key}' must be base64 in a string: it holds a backslash.")
    return text
