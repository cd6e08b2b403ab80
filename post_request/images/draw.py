"""Draw the sample pictures, so that they are this project's own.

    python post_request/images/draw.py [FOLDER [SAMPLES]]

Into this script's own folder, and small ones into the page's, unless other folders are named.
Each picture is one function, named after the class that it shows. It paints at twice the final
size, in a frame whose y runs from -1 (top) to 1 and whose x runs from -4/3 (left) to 4/3.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Array = npt.NDArray[np.float64]
Colour = tuple[float, float, float]
Point = tuple[float, float]

WIDTH, HEIGHT = 1280, 960
UNIT = HEIGHT / 2  # pixels from the middle of the canvas to its top
X, Y = np.meshgrid(np.linspace(-4 / 3, 4 / 3, WIDTH), np.linspace(-1, 1, HEIGHT))


def soften(mask: Array, radius: float) -> Array:
    """Blur a mask."""
    image = Image.fromarray(np.uint8(np.clip(mask, 0, 1) * 255))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius * UNIT)), np.float64) / 255


def polygon(points: Iterable[Point], line: float = 0, blur: float = 0.003) -> Array:
    """Mask the inside of a polygon or, where `line` gives a width, a line through its corners."""
    image = Image.new("L", (WIDTH, HEIGHT))
    pixels = [((x + 4 / 3) * UNIT, (y + 1) * UNIT) for x, y in points]
    if line:
        ImageDraw.Draw(image).line(pixels, fill=255, width=round(line * UNIT), joint="curve")
    else:
        ImageDraw.Draw(image).polygon(pixels, fill=255)
    return soften(np.asarray(image, np.float64) / 255, blur)


def box(left: float, top: float, right: float, bottom: float, blur: float = 0.003) -> Array:
    """Mask an upright rectangle."""
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)], blur=blur)


def oval(x: float, y: float, across: float, down: float) -> Array:
    """Mask an ellipse with the given half axes."""
    inside = 1 - np.hypot((X - x) / across, (Y - y) / down)
    return np.clip(inside * min(across, down) / 0.006 + 0.5, 0, 1)


def noise(rng: np.random.Generator, cells: int, layers: int = 4, stretch: float = 1) -> Array:
    """Make smooth random texture: `cells` lumps down the picture, and finer ones on top."""
    total = np.zeros((HEIGHT, WIDTH))
    for layer in range(layers):
        rows = cells * 2**layer
        lumps = rng.standard_normal((round(rows * stretch), rows * 4 // 3)).astype(np.float32)
        grown = Image.fromarray(lumps).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += 0.77 * 0.55**layer * np.asarray(grown, np.float64)
    return total


def ramp(first: Colour, second: Colour, part: Array) -> Array:
    """Mix two colours: `first` where part is 0, `second` where it is 1."""
    share = np.clip(part, 0, 1)[..., None]
    return np.array(first) * (1 - share) + np.array(second) * share


def paint(canvas: Array, mask: Array, colour: Array | Colour) -> None:
    """Lay a colour over the canvas where the mask is."""
    canvas += (np.asarray(colour) - canvas) * mask[..., None]


def shade(canvas: Array, mask: Array, blur: float) -> None:
    """Cast a soft shadow."""
    canvas *= (1 - soften(mask, blur) / 2)[..., None]


def sky(rng: np.random.Generator) -> Array:
    """Start a canvas with a blue sky and clouds."""
    canvas = ramp((50, 110, 200), (175, 208, 242), (Y + 1) / 2)
    paint(canvas, np.clip(noise(rng, 3, 5, 2) * 0.55 - 0.1, 0, 0.85), (252, 252, 255))
    return canvas


def beacon(rng: np.random.Generator) -> Array:
    """Draw a red and white lighthouse on a headland."""
    canvas = sky(rng)
    paint(canvas, box(-2, 0.45, 2, 2), ramp((30, 80, 130), (60, 120, 150), Y * 2 - 0.9))
    ground = np.clip((Y - 0.6 - 0.25 * X**2 + 0.01 * noise(rng, 6)) / 0.01, 0, 1)
    paint(canvas, ground, ramp((47, 52, 30), (143, 158, 90), 0.5 + 0.3 * noise(rng, 20, 5)))
    across = X / (0.164 + 0.07 * Y)
    light = np.clip(0.8 - 0.5 * across - 0.3 * across**2, 0.25, 1)[..., None]
    red = (np.floor((Y + 0.55) * 4.2) % 2)[..., None]
    stripes = (red * (200, 40, 35) + (1 - red) * (248, 246, 240)) * light
    paint(canvas, polygon([(-0.12, -0.55), (0.12, -0.55), (0.2, 0.64), (-0.2, 0.64)]), stripes)
    paint(canvas, box(-0.05, 0.47, 0.05, 0.64), (70, 50, 40))
    lantern(canvas)
    return canvas


def lantern(canvas: Array) -> None:
    """Top the lighthouse with its gallery, lamp and roof."""
    iron = (55, 55, 58)
    paint(canvas, box(-0.1, -0.76, 0.1, -0.58), (90, 110, 120))
    paint(canvas, box(-0.04, -0.74, 0.04, -0.6, 0.01), (255, 245, 190))
    for x in np.linspace(-0.19, 0.19, 9):
        paint(canvas, polygon([(x, -0.65), (x, -0.57)], line=0.006), iron)
        paint(canvas, polygon([(x / 2, -0.77), (x / 2, -0.57)], line=0.006), iron)
    paint(canvas, polygon([(-0.19, -0.65), (0.19, -0.65)], line=0.008), iron)
    paint(canvas, box(-0.19, -0.58, 0.19, -0.54), iron)
    paint(canvas, polygon([(-0.13, -0.76), (0, -0.93), (0.13, -0.76)]), (170, 35, 30))


def computer_keyboard(_: np.random.Generator) -> Array:
    """Draw four rows of keys and the space bar, from above."""
    canvas = ramp((45, 45, 48), (30, 30, 32), Y)
    for row, letters in enumerate(["234567890-", "QWERTYUIOP", "ASDFGHJKL;", "ZXCVBNM,./"]):
        for column, letter in enumerate(letters):
            key(canvas, -1.42 + 0.28 * column + 0.07 * row, -0.73 + 0.285 * row, 0.25, letter)
    for x, width in ((-1.4, 0.35), (-1.02, 0.35), (-0.64, 1.3), (0.69, 0.35), (1.07, 0.35)):
        key(canvas, x, 0.41, width, "")
    return canvas


def key(canvas: Array, x: float, y: float, width: float, letter: str) -> None:
    """Put one key on the keyboard."""
    paint(canvas, box(x + 0.012, y + 0.02, x + width - 0.012, y + 0.27, 0.008), (12, 12, 13))
    face = ramp((225, 225, 220), (190, 190, 188), (Y - y) / 0.28)
    paint(canvas, box(x + 0.03, y + 0.02, x + width - 0.03, y + 0.235, 0.012), face)
    ink = Image.new("L", (WIDTH, HEIGHT))
    corner = ((x + 0.06 + 4 / 3) * UNIT, (y + 1.04) * UNIT)
    ImageDraw.Draw(ink).text(corner, letter, 255, font_size=45)
    paint(canvas, np.asarray(ink, np.float64) / 255, (40, 40, 45))


def espresso(rng: np.random.Generator) -> Array:
    """Draw a small cup on its saucer on a wooden table, from above."""
    canvas = ramp((84, 55, 31), (156, 101, 59), 0.5 + noise(rng, 4, 5, 10) / 6)
    middle, slope = np.hypot(X, Y), 0.5 + (X + Y) / 3
    shade(canvas, oval(0.08, 0.1, 0.98, 0.95), 0.06)
    paint(canvas, oval(0, 0, 0.95, 0.95), ramp((250, 248, 244), (205, 200, 195), slope))
    canvas *= 1 - 0.15 * np.exp(-(((middle - 0.62) / 0.02) ** 2))[..., None]
    shade(canvas, oval(0.05, 0.06, 0.62, 0.6), 0.04)
    paint(canvas, polygon([(0.4, -0.35), (0.72, -0.6)], 0.13, 0.01), (240, 238, 232))
    paint(canvas, oval(0, 0, 0.56, 0.56), ramp((255, 255, 252), (215, 210, 205), slope))
    paint(canvas, oval(0, 0, 0.49, 0.49), ramp((190, 180, 170), (235, 230, 225), slope))
    crema = 0.45 + 0.25 * noise(rng, 6, 5) + 0.9 * np.clip(middle - 0.25, 0, 1)
    paint(canvas, oval(0.015, 0.015, 0.455, 0.455), ramp((95, 45, 15), (205, 145, 80), crema))
    return canvas


def flagpole(rng: np.random.Generator) -> Array:
    """Draw a striped flag in the wind."""
    canvas = sky(rng)
    metal = ramp((120, 120, 125), (240, 240, 240), np.sin((X + 0.33) * 62))
    paint(canvas, box(-0.33, -0.95, -0.28, 1.1), metal)
    paint(canvas, oval(-0.305, -0.95, 0.05, 0.05), (220, 180, 60))
    wave = 0.06 * np.sin(X * 6) * np.clip((X + 0.3) * 2, 0, 1) + 0.1 * (X + 0.3)
    down = (Y + 0.8 - wave) / 0.62
    cloth = np.clip(np.minimum(down, 1 - down) * 100, 0, 1) * box(-0.28, -1, 0.72, 1)
    white = np.floor(down * 7) % 2
    folds = (0.9 + 0.22 * np.cos(X * 6 + 0.6))[..., None]
    paint(canvas, cloth, ramp((190, 25, 40), (245, 245, 245), white) * folds)
    return canvas


def jellyfish(rng: np.random.Generator) -> Array:
    """Draw a pale jellyfish in deep water."""
    canvas = ramp((10, 60, 150), (4, 15, 70), (Y + 1) / 2) + 6 * noise(rng, 4)[..., None]
    canvas += soften(oval(0, -0.25, 0.7, 0.6), 0.15)[..., None] * (20, 40, 60)
    way = np.linspace(0, 1, 60)
    for x in np.linspace(-0.45, 0.45, 14):
        bend = 0.08 * way * np.sin(5 * way + rng.uniform(0, 6))
        thread = zip(x * (1 - 0.4 * way) + bend, way * rng.uniform(0.8, 1.3) - 0.05, strict=True)
        paint(canvas, 0.55 * polygon(thread, 0.012, 0.004), (190, 190, 235))
    for x in np.linspace(-0.15, 0.15, 5):
        arm = zip(x + 0.06 * np.sin(14 * way + rng.uniform(0, 6)), way * 0.75 - 0.1, strict=True)
        paint(canvas, 0.6 * polygon(arm, 0.06, 0.012), (235, 215, 235))
    x, y = X / 0.58, (Y + 0.05) / 0.62
    out = np.hypot(x, y)
    bell = np.clip((1 - out) * 60, 0, 1) * np.clip((0.08 + 0.05 * np.cos(x * 20) - y) * 30, 0, 1)
    ribs = 0.35 + 0.6 * out**2 + 0.1 * out * np.cos(24 * np.arctan2(y, x))
    paint(canvas, bell * np.clip(ribs, 0, 1), (215, 215, 250))
    return canvas


def orange(rng: np.random.Generator) -> Array:
    """Draw two oranges on a grey-blue table."""
    canvas = ramp((120, 150, 175), (170, 190, 205), Y * 2 + 0.4)
    for x, y, size in ((-0.3, -0.1, 0.55), (0.4, 0.25, 0.55)):
        shade(canvas, oval(x + 0.08, y + size * 0.85, size, size * 0.28), 0.06)
        right, down = (X - x) / size, (Y - y) / size
        front = np.sqrt(np.clip(1 - right**2 - down**2, 0, 1))
        light = 0.66 * front - 0.45 * right - 0.6 * down + 0.035 * noise(rng, 70, 2)
        peel = ramp((190, 75, 0), (255, 150, 20), light * 1.1 + 0.05)
        peel += 70 * np.clip(light * 7 - 6, 0, 1)[..., None]
        paint(canvas, oval(x, y, size, size), peel)
        paint(canvas, oval(x + 0.05, y - size * 0.72, 0.035, 0.02), (90, 100, 40))
    return canvas


PICTURES: dict[str, Callable[[np.random.Generator], Array]] = {
    "beacon.jpg": beacon,
    "computer_keyboard.png": computer_keyboard,
    "espresso.jpg": espresso,
    "flagpole.jpg": flagpole,
    "jellyfish.webp": jellyfish,
    "orange.jpg": orange,
}


def main() -> None:
    """Draw every picture into the folders named on the command line, or where they belong."""
    here = Path(__file__).parent
    folders = [here, here.parents[1] / "inference_app" / "page" / "samples"]
    folders[: len(sys.argv) - 1] = map(Path, sys.argv[1:])
    for name, draw in PICTURES.items():
        canvas = np.clip(draw(np.random.default_rng(1)), 0, 255)
        image = Image.fromarray(np.uint8(canvas)).resize((640, 480), Image.Resampling.LANCZOS)
        image.save(folders[0] / name, quality=90)
        small = image.resize((320, 240), Image.Resampling.LANCZOS)
        small.save((folders[1] / name).with_suffix(".webp"), quality=85)


if __name__ == "__main__":
    main()
