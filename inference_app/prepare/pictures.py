"""Pictures to compare a prepared model with its original on: drawn here, or the user's."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from inference_app.errors import PrepareError

# Wider than high: some others Pillow resizes in columns first and torch in rows first, so that 7 %
# of the pixels are rounded to another grey level.
_SIZES = ((500, 375), (601, 400), (250, 190), (900, 600))
_DRAWN = 16
_MAX = 1000  # of a folder's pictures: enough to see a difference


def pictures(folder: Path | None) -> Iterator[Image.Image]:
    """Yield the folder's pictures, upright and in RGB, or without a folder some drawn here.

    Raises PrepareError if the folder has none.
    """
    if folder is None:
        yield from (dead_leaves(_SIZES[seed % len(_SIZES)], seed) for seed in range(_DRAWN))
        return
    read = 0
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        try:
            with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as picture:
                yield ImageOps.exif_transpose(picture).convert("RGB")
        except OSError:  # a folder, or not a picture
            continue
        read += 1
        if read == _MAX:
            return
    if not read:
        raise PrepareError(f"{folder} holds no pictures (JPEG, PNG or WebP)")


def dead_leaves(size: tuple[int, int], seed: int) -> Image.Image:
    """Draw discs that cover each other, the same for each seed, width and height.

    With radii r as often as r^-3 such pictures have the edges, shades and scales of photos: Lee,
    Mumford and Huang, "Occlusion models for natural images", 2001.
    """
    rng = random.Random(seed)  # noqa: S311 nothing secret
    tint = [rng.randrange(256) for _ in range(3)]
    picture = Image.new("RGB", size, tuple(tint))
    draw = ImageDraw.Draw(picture)
    for _ in range(2 * max(size)):
        radius = _radius(rng.random(), 3, max(size) / 3)
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        shade = tuple(min(255, max(0, round(rng.gauss(level, 60)))) for level in tint)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)
    return picture.filter(ImageFilter.GaussianBlur(1))


def _radius(share: float, smallest: float, largest: float) -> float:
    """Return the radius below which this share of all radii lies."""
    return 1 / math.sqrt((1 - share) / smallest**2 + share / largest**2)
