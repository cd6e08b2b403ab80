"""Pictures that are broken, dear to decode, or only strange; and what is none."""

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.conftest import encode, gradient
from tests.hostile import jpegs, tiffs
from tests.hostile.case import FINE, REFUSED, Case


def samples() -> dict[str, bytes]:
    """Return a good picture in every format and form that is accepted."""
    picture = gradient(160, 120)
    return {
        "baseline JPEG": encode(picture, "JPEG"),
        "progressive JPEG": encode(picture, "JPEG", progressive=True),
        "PNG": encode(picture),
        "interlaced-looking PNG": encode(picture.quantize(16)),
        "lossy WebP": encode(picture, "WEBP"),
        "lossless WebP": encode(picture, "WEBP", lossless=True),
        "GIF": encode(picture, "GIF"),
        "BMP": encode(picture, "BMP"),
        "TIFF": encode(picture, "TIFF"),
        "TIFF in LZW": encode(picture, "TIFF", compression="tiff_lzw"),
    }


def truncated() -> Iterator[Case]:
    """Yield pictures that end too early, at every stage of their decoding."""
    for name, data in samples().items():
        for part in range(28):  # what ends later may have all its pixels
            yield Case(f"{name} cut at {part}/30", data[: len(data) * part // 30], REFUSED)


def flipped() -> Iterator[Case]:
    """Yield pictures with some bytes replaced, mostly in their headers."""
    rng = random.Random(0)  # noqa: S311 not for secrets
    for name, data in samples().items():
        for number in range(40):
            damaged = bytearray(data)
            for _ in range(1 + number % 4):
                within = len(data) if number % 2 else min(len(data), 300)
                damaged[rng.randrange(within)] = rng.randrange(256)
            yield Case(f"{name} damaged, {number}", bytes(damaged))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG. Source: the PNG specification, section 5.3."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG of these chunks, whatever they hold."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG that says that it is large: SOF0 holds its height and width."""
    data = bytearray(samples()["baseline JPEG"])
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def bombs() -> Iterator[Case]:
    """Yield what is small to send and dear to decode."""
    zeros = zlib.compress(bytes(30_000_000), 9)
    huge = ((100_000, 100_000), (50_001, 1000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (0, 0))
    for size in huge:
        yield Case(f"PNG of {size}", png(*size, chunk(b"IDAT", zeros)), REFUSED)
    for size in ((65_500, 65_500), (65_535, 1000), (0, 100), (100, 0), (1, 65_535)):
        yield Case(f"JPEG of {size}", jpeg_of_size(*size))
    slow = {
        "JPEG of 2,500 hidden scans": jpegs.hidden_scans(7000, 7000, 2500),
        "JPEG of empty scans": jpegs.empty_scans(763, 65_500, 100_000, components=3),
        "JPEG of 2,000,000 segments": jpegs.many_segments(2_000_000),
    }
    for name, data in slow.items():
        yield Case(name, data, frozenset({413}))
    text = chunk(b"zTXt", b"Comment\0\0" + zeros)
    data = chunk(b"IDAT", zlib.compress(bytes(4 * 301)))
    yield Case("PNG with a text of 30 MB", png(100, 4, text, data))
    yield Case(
        "PNG with 2,000 texts", png(100, 4, *[text[:0] + chunk(b"tEXt", b"a\0b")] * 2000, data)
    )
    yield Case("PNG with a profile of 30 MB", png(100, 4, chunk(b"iCCP", b"a\0\0" + zeros), data))
    yield Case("PNG whose pixels are too many", png(10, 10, chunk(b"IDAT", zeros)))
    yield Case(
        "PNG whose pixels are too few", png(1000, 1000, chunk(b"IDAT", zeros[:100])), REFUSED
    )
    documents = {
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n{} loop\n",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "XML bomb": b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><svg>&c;</svg>',
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "ZIP": b"PK\x03\x04" + bytes(100),
        "ELF": b"\x7fELF" + bytes(100),
        "text": b"hello",
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05hello\x94.",
        "spaces": b" " * 1_000_000,
        "zeros": bytes(1_000_000),
        "a JPEG's first bytes": b"\xff\xd8\xff",
        "a JPEG's markers without end": b"\xff\xd8" + b"\xff\xff" * 500_000,
        "a JPEG of restarts": b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\xff\xd0" * 100_000,
        "RIFF without WebP": b"RIFF\xff\xff\xff\xffWAVE",
        "WebP that says it is 4 GB": b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff" + bytes(30),
    }
    for name, data in documents.items():
        yield Case(name, data, REFUSED)


def other_formats() -> Iterator[Case]:
    """Yield hostile GIFs, BMPs and TIFFs."""
    picture = gradient()
    frames = [picture.rotate(angle) for angle in range(0, 90, 10)]
    for kind in ("GIF", "TIFF"):
        data = encode(picture, kind, save_all=True, append_images=frames)
        yield Case(f"{kind} of many frames", data, FINE)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "I;16"):
        drawn = picture.convert("L").convert(mode) if mode in ("I", "F", "I;16") else picture
        yield Case(f"TIFF in {mode}", encode(drawn.convert(mode), "TIFF"), FINE)
    for compression in ("packbits", "tiff_lzw", "tiff_adobe_deflate"):
        data = encode(picture, "TIFF", compression=compression)
        yield Case(f"TIFF in {compression}", data, FINE)
    fax = encode(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4")
    yield Case("TIFF of 400 megapixels", fax, frozenset({413}))
    jpeg = encode(picture, "TIFF", compression="jpeg")
    yield Case("TIFF in JPEG", jpeg, frozenset({415}))
    strips = tiffs.overlapping(60_000, b"\x78\x9c" + b"\0\0\0\xff\xff" * 200_000)
    yield Case("TIFF of overlapping strips", strips, frozenset({422}))
    yield Case("TIFF of a large tile", tiffs.tiled(10, 10, (16_384, 16_384)), frozenset({413}))
    yield Case("TIFF in Lab", tiffs.flat(100, 100, photo=8), frozenset({415}))
    chain = tiffs.flat(100, 100)[:-4] + struct.pack("<HHHLLL", 1, 256, 3, 1, 1, 8) * 100_000
    yield Case("TIFF of a chain of directories", chain)
    comment = b"!\xfe" + b"\1a" * 1_000_000 + b"\0"
    gif = encode(picture, "GIF")
    yield Case("GIF of a long comment", gif[:-1] + comment + b";", FINE)
    yield Case("GIF of a long comment first", gif[:781] + comment + gif[781:])
    for size in ((65_535, 65_535), (7000, 7000), (0, 0)):
        yield Case(f"GIF of {size}", gif[:6] + struct.pack("<HH", *size) + gif[10:])
    frame = gif.index(b",", 781)
    for size in ((65_535, 65_535), (7000, 7000), (0, 0)):
        data = gif[: frame + 5] + struct.pack("<HH", *size) + gif[frame + 9 :]
        yield Case(f"GIF with a frame of {size}", data)
    for name, place, value in (
        ("a negative height", 22, -240),
        ("a height of -2**31", 22, -(2**31)),
        ("a width of 2**31 - 1", 18, 2**31 - 1),
        ("a header of 2 GB", 14, 2**31 - 1),
        ("run lengths", 30, 1),
        ("a JPEG within", 30, 4),
        ("1,000 bits a pixel", 28, 1000),
        ("65,537 colours", 46, 65_537),
        ("pixels after its end", 10, 2**31 - 1),
    ):
        bmp = bytearray(encode(picture.quantize(16), "BMP"))
        struct.pack_into("<i", bmp, place, value)
        yield Case(f"BMP with {name}", bytes(bmp))
    icon = encode(picture.resize((64, 64)), "ICO")
    for name, data in {"ICO": icon, "CUR": icon[:2] + b"\2" + icon[3:]}.items():
        yield Case(name, data, frozenset({415}))


def kinds() -> Iterator[Case]:
    """Yield unusual pictures, which are pictures all the same, and polyglots."""
    picture = gradient()
    for mode in ("1", "L", "LA", "P", "PA", "RGBA", "I;16", "I"):
        drawn = picture.convert("L").convert(mode) if mode.startswith("I") else picture
        try:
            data = encode(drawn.convert(mode))
        except OSError:
            continue  # a mode that PNG does not hold
        yield Case(f"PNG in {mode}", data, FINE)
    for mode in ("L", "CMYK", "YCbCr"):
        yield Case(f"JPEG in {mode}", encode(picture.convert(mode), "JPEG"), FINE)
    frames = [gradient(64, 64).rotate(angle) for angle in range(0, 360, 10)]
    options = {"save_all": True, "append_images": frames}
    yield Case("animated PNG", encode(frames[0], "PNG", **options), FINE)
    yield Case("animated WebP", encode(frames[0], "WEBP", **options), FINE)
    for size in ((1, 1), (1, 3000), (3000, 1), (2, 2), (16_383, 1)):
        for kind in ("JPEG", "PNG", "WEBP"):
            yield Case(f"{kind} of {size}", encode(gradient(*size), kind), FINE)
    for name, data in samples().items():
        for tail in (b"PK\x05\x06" + bytes(18), b"<?php system($_GET[0]);?>", bytes(100_000), data):
            yield Case(f"{name} and {tail[:6]!r}", data + tail, FINE)
        yield Case(f"PDF, then {name}", b"%PDF-1.7\n" + data, frozenset({415}))


def metadata() -> Iterator[Case]:
    """Yield absurd EXIF and ICC: the picture is fine."""
    picture = gradient()
    for orientation in (0, 9, 255, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield Case(f"orientation {orientation}", encode(picture, "JPEG", exif=exif), FINE)
    good = Image.Exif()
    good[0x0112], good[0x010F] = 6, "x" * 60_000
    data = good.tobytes()
    for part in range(0, len(data), max(1, len(data) // 20)):
        yield Case(f"EXIF cut at {part}", encode(picture, "JPEG", exif=data[:part]), FINE)
    for name, raw in {
        "zeros": b"Exif\0\0" + bytes(1000),
        "an offset beyond": b"Exif\0\0II*\0\xff\xff\xff\x7f",
        "an endless chain": b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "4 billion entries": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\0\0\0\0",
    }.items():
        yield Case(f"EXIF of {name}", encode(picture, "JPEG", exif=raw), FINE)
    for size in (1, 127, 128, 200_000):
        for kind in ("JPEG", "PNG", "WEBP"):
            data = encode(picture, kind, icc_profile=bytes(range(256)) * (size // 256 + 1))
            yield Case(f"{kind} with a broken profile of {size}", data, FINE)
