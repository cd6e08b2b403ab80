"""The pictures that are posted: photos as on the web, and other kinds made from those."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path("../shared/photos")
# Deciles of the sizes of 56 photos of ImageNet, in bytes, which generated pictures have too.
SIZES = (3_073, 20_303, 39_118, 58_654, 76_079, 103_477, 112_831, 130_459, 154_061, 187_287)
# Grey levels of noise with which 12 megapixels take the 3 to 4 MB of a phone's camera.
SENSOR_NOISE = 12.0
FEW = 8  # of the large kinds: some tens of MB


def photos() -> tuple[str, list[bytes]]:
    """Return their name, and the bytes of the photos: JPEGs of about 500 x 375, 100 KB."""
    files = sorted(PHOTOS.glob("*.JPEG"))
    if files:
        return "photos", [file.read_bytes() for file in files]
    return "generated pictures", [generated(size) for size in SIZES]


def phone(photo: bytes, megapixels: float = 12, *, progressive: bool = False) -> bytes:
    """Return a JPEG of 4:3 as a phone's camera would make: the photo enlarged, with noise."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    large = _open(photo).resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
    pixels = np.asarray(large, np.float32)
    noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32) * SENSOR_NOISE
    noisy = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    return _saved(noisy, "JPEG", quality=85, progressive=progressive)


def _few(photos: list[bytes]) -> list[bytes]:
    return photos[:: max(1, len(photos) // FEW)][:FEW]


# Each kind, made of the photos.
KINDS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "12 MP JPEG": lambda photos: [phone(each) for each in _few(photos)],
    "12 MP progressive JPEG": lambda photos: [
        phone(each, progressive=True) for each in _few(photos)
    ],
    "small JPEG": lambda photos: [_small(each) for each in photos],
    "PNG": lambda photos: [_saved(_open(each), "PNG") for each in photos],
    "WebP": lambda photos: [_saved(_open(each), "WEBP", quality=80) for each in photos],
}


def _small(photo: bytes) -> bytes:
    picture = _open(photo)
    picture.thumbnail((256, 256), Image.Resampling.BICUBIC)
    return _saved(picture, "JPEG", quality=80)


def generated(size: int) -> bytes:
    """Return a JPEG of 500 x 375 and about `size` bytes: a gradient with noise."""
    low, high = 0.0, 128.0
    for _ in range(12):
        middle = (low + high) / 2
        jpeg = _noisy(middle)
        low, high = (middle, high) if len(jpeg) < size else (low, middle)
    return jpeg


def _noisy(amount: float) -> bytes:
    rng = np.random.default_rng(0)
    gradient = np.linspace(64, 192, 500)[None, :, None] + np.zeros((375, 1, 3))
    pixels = (gradient + rng.normal(0, amount, gradient.shape)).clip(0, 255)
    return _saved(Image.fromarray(pixels.astype(np.uint8)), "JPEG", quality=85)


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
