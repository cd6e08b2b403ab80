"""TIFFs, whole and hostile, byte by byte. Source: TIFF 6.0, section 2."""

import struct
import zlib

SHORT, LONG = 3, 4
Tags = dict[int, tuple[int, list[int]]]


def tiff(tags: Tags, data: bytes = b"") -> bytes:
    """Return a TIFF of one directory, with `data` at the end; a value of -1 is its offset."""
    start, values = 8 + 2 + 12 * len(tags) + 4, b""
    size = sum(len(_packed(*tag)) for tag in tags.values() if len(_packed(*tag)) > 4)
    entries = b""
    for number, (kind, numbers) in sorted(tags.items()):
        value = _packed(kind, [start + size if each == -1 else each for each in numbers])
        entries += struct.pack("<HHL", number, kind, len(numbers))
        if len(value) > 4:
            entries += struct.pack("<L", start + len(values))
            values += value
        else:
            entries += value.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<L", 8) + directory + values + data


def _packed(kind: int, numbers: list[int]) -> bytes:
    size = {SHORT: "H", LONG: "l"}[kind]
    return struct.pack(f"<{len(numbers)}{size}", *numbers)


def strips(
    width: int, height: int, data: bytes, *, compression: int = 8, bits: int = 8, photo: int = 1
) -> Tags:
    """Return the tags of a picture in one strip; compression 8 is deflate, photo 1 is grey."""
    samples = {1: 1, 2: 3, 5: 4, 6: 3, 8: 3}[photo]
    return {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * samples),
        259: (SHORT, [compression]),
        262: (SHORT, [photo]),
        273: (LONG, [-1]),
        277: (SHORT, [samples]),
        278: (LONG, [height]),
        279: (LONG, [len(data)]),
    }


def flat(width: int, height: int, **options: int) -> bytes:
    """Return a black TIFF of one deflated strip."""
    samples = {1: 1, 2: 3, 5: 4, 6: 3, 8: 3}[options.get("photo", 1)]
    size = width * height * samples * options.get("bits", 8) // 8
    data = zlib.compress(bytes(size))
    return tiff(strips(width, height, data, **options), data)


def overlapping(rows: int, data: bytes) -> bytes:
    """Return a TIFF of a strip for each row, all at the same bytes."""
    tags = strips(100, rows, data)
    tags |= {273: (LONG, [-1] * rows), 278: (LONG, [1]), 279: (LONG, [len(data)] * rows)}
    return tiff(tags, data)


def tiled(width: int, height: int, tile: tuple[int, int]) -> bytes:
    """Return a TIFF that says that its one tile is so large."""
    data = zlib.compress(bytes(1000))
    tags = strips(width, height, data)
    tags = {number: tag for number, tag in tags.items() if number not in (273, 278, 279)}
    tags |= {322: (LONG, [tile[0]]), 323: (LONG, [tile[1]]), 324: (LONG, [-1])}
    return tiff(tags | {325: (LONG, [len(data)])}, data)
