"""What decoding costs is estimated from the header, and it is not less."""

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from inference_app.config import Settings
from inference_app.errors import TooLarge
from inference_app.model import image
from inference_app.model.formats import Cost
from tests.conftest import REPO, encode, gradient
from tests.hostile.jpegs import empty_scans
from tests.hostile.tiffs import flat
from tests.model.test_image import PNG, WANTED, chunk

EDGE = 3500  # pixels, of pictures that libjpeg would scale if it could
TURNED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
WIDE = (1000, 12_250)  # too narrow for libjpeg to scale

# Decodes a file, and prints the bytes that it took at most, and those that were estimated.
MEASURE = r"""
import json, pathlib, re, sys
from inference_app.config import Settings
from inference_app.model.image import open_image
from inference_app.model.preprocessing import Preprocessing

def kilobytes(name):
    return int(re.search(f"{name}:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])

wanted = Preprocessing(256, (224, 224), "bicubic", (0.0,) * 3, (1.0,) * 3)
pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): the most so far is forgotten
data = pathlib.Path(sys.argv[1]).read_bytes()
before = kilobytes("VmRSS")
opened = open_image(data, wanted, Settings())
cost = opened.cost.bytes
opened.decode()
print(json.dumps([(kilobytes("VmHWM") - before) * 1024, cost]))
"""


def png(depth: int, colour: int, samples: int, *parts: bytes) -> bytes:
    """Return a large black PNG."""
    rows = zlib.compress(bytes((EDGE * samples * depth // 8 + 1) * EDGE))
    size = struct.pack(">IIBBBBB", EDGE, EDGE, depth, colour, 0, 0, 0)
    return PNG + b"".join((chunk(b"IHDR", size), *parts, chunk(b"IDAT", rows), chunk(b"IEND", b"")))


def large() -> dict[str, bytes]:
    """Return large pictures, of which each takes memory in its own way."""
    rgba = Image.new("RGBA", (EDGE, EDGE), (9, 9, 9, 9))
    palette = chunk(b"PLTE", bytes(768))
    return {
        "PNG, RGBA, turned": png(8, 6, 4, chunk(b"eXIf", TURNED)),
        "PNG, RGB, one colour transparent": png(8, 2, 3, chunk(b"tRNS", bytes(6))),
        "PNG, palette, transparent": png(8, 3, 1, palette, chunk(b"tRNS", bytes(256))),
        "PNG, grey of 16 bits, one transparent": png(16, 0, 1, chunk(b"tRNS", bytes(2))),
        "PNG, grey with alpha": png(8, 4, 2),
        "JPEG, progressive": encode(gradient(*WIDE), "JPEG", progressive=True, subsampling=0),
        "JPEG, CMYK": encode(Image.new("CMYK", WIDE), "JPEG", progressive=True),
        "JPEG, many scans": empty_scans(*WIDE, 5, components=3),
        "WEBP, lossless": encode(rgba, "WEBP", lossless=True, method=0, quality=0),
        "WEBP": encode(rgba.convert("RGB"), "WEBP", method=0),
        "GIF": encode(rgba.convert("RGB"), "GIF"),
        "BMP": encode(rgba.convert("RGB"), "BMP"),
        "TIFF, RGB of 16 bits": flat(EDGE, EDGE, photo=2, bits=16),
        "TIFF, YCbCr": flat(EDGE, EDGE, photo=6),
        "TIFF, CMYK": flat(EDGE, EDGE, photo=5),
        "TIFF, floating point": flat(EDGE, EDGE, bits=32),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_no_picture_takes_more_memory_than_is_estimated(tmp_path: Path) -> None:
    too_much = {}
    for name, data in large().items():
        (tmp_path / "picture").write_bytes(data)
        command = [sys.executable, "-c", MEASURE, str(tmp_path / "picture")]
        run = subprocess.run(command, cwd=REPO, capture_output=True, check=True)
        took, estimated = json.loads(run.stdout)
        if took > 1.02 * estimated + 8_000_000:  # for what is imported at the first use
            too_much[name] = (took, estimated)
    assert too_much == {}


@pytest.mark.parametrize("megapixels", [1, 12])
def test_no_picture_may_cost_more_memory_than_the_settings_say(megapixels: int) -> None:
    settings = Settings(max_megapixels=megapixels)
    with pytest.raises(TooLarge, match=r"megapixels|memory"):
        image.open_image(encode(Image.new("L", (4000, 3001)), "WEBP"), WANTED, settings)


def cost(data: bytes) -> Cost:
    """Return what an image is estimated to cost."""
    return image.open_image(data, WANTED, Settings()).cost


def test_photos_are_cheap(espresso: bytes) -> None:
    assert cost(espresso).seconds < image.CHEAP
    assert cost(espresso).bytes < 4_000_000
    phone = encode(gradient(4000, 3000), "JPEG", quality=95)
    assert cost(phone).seconds < image.CHEAP


def test_what_is_small_to_send_is_not_cheap() -> None:
    assert cost(png(8, 6, 4)).seconds > image.CHEAP
    assert cost(encode(Image.new("L", (4000, 3000)), "WEBP")).seconds > image.CHEAP


def test_more_bytes_cost_more() -> None:
    data = encode(gradient(), "JPEG")
    assert cost(data + bytes(10_000_000)).seconds > 10 * cost(data).seconds
