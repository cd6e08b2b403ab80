"""Labelled pictures, drawn here: circles, squares and triangles of any shade, size and place."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 128
SHAPES = ("circle", "square", "triangle")


def draw(shape: str, seed: int) -> Image.Image:
    """Draw one picture of a shape, the same for each seed."""
    rng = random.Random(f"{shape} {seed}")  # noqa: S311 nothing secret
    light, dark = rng.randrange(160, 256), rng.randrange(0, 96)
    picture = Image.new("RGB", (SIZE, SIZE), (light, light, rng.randrange(160, 256)))
    radius = rng.uniform(0.25, 0.4) * SIZE
    x, y = (rng.uniform(radius, SIZE - radius) for _ in range(2))
    shade = (dark, rng.randrange(0, 96), dark)
    canvas = ImageDraw.Draw(picture)
    if shape == "circle":
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)
    else:
        canvas.regular_polygon((x, y, radius), {"square": 4, "triangle": 3}[shape], fill=shade)
    return picture


def draw_folder(folder: Path, count: int = 20, first: int = 0) -> Path:
    """Draw so many pictures of each shape, from the seed `first` on, into ``folder/<shape>/``."""
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for seed in range(first, first + count):
            draw(shape, seed).save(folder / shape / f"{seed}.png")
    return folder
