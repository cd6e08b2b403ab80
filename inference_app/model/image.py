"""From the bytes of an image to the pixels that a model sees, within bounded time and memory."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.config import Settings
from inference_app.errors import (
    BadRequest,
    DamagedPicture,
    RequestError,
    TooLarge,
    UnsupportedPicture,
)
from inference_app.model import tiff
from inference_app.model.formats import FORMATS, Cost, Format
from inference_app.model.pixels import to_input
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.source import Source

# What Pillow says of strange metadata, sometimes thousands of lines, nobody needs to read.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

# Decoding that takes less need not wait behind what takes more: a phone's JPEG of 12 megapixels
# and 3.5 MB is estimated at 0.06 s, and took 0.045.
CHEAP = 0.08  # seconds, as in Cost
MAX_EDGE = 65_535  # pixels
MAX_BYTES_PER_PIXEL = 16  # of memory to decode an image of the most megapixels
OPENING = 0.05  # seconds of CPU; ordinary headers take a tenth of a millisecond
# Of the most CPU seconds an image gets this part, and more by its cost: with 2 of them 0.1 s and
# three times its cost. One that takes longer is not what it says.
GRACE, TOLERANCE = 0.05, 1.5


class EncodedImage:
    """An image whose header has been read, and that is small enough to be decoded."""

    def __init__(
        self, source: Source, picture: Image.Image, cost: Cost, wanted: Preprocessing, limit: float
    ) -> None:
        """Take what is to be decoded, and `limit`, the most CPU seconds that it may take."""
        self._source, self._picture, self._wanted = source, picture, wanted
        self._seconds = limit * min(1.0, GRACE + TOLERANCE * cost.seconds)
        self.cost = cost

    def decode(self, check: Callable[[], None] = lambda: None) -> NDArray[np.uint8]:
        """Return the image as a model's input: upright, resized, cropped; uint8, (H, W, 3), RGB.

        It can be done once. `check` is called now and then and may raise, to end it. Raises
        DamagedPicture, UnsupportedPicture (colours), or TooLarge if it takes too long.
        """
        return to_input(self._load(check), self._wanted)

    def _load(self, check: Callable[[], None]) -> Image.Image:
        """Return the picture, and keep no reference to it: each step frees what it replaces."""
        picture = self._picture
        del self._picture
        with _blaming_the_picture():
            self._source.decode(self._seconds, check, split_scans=picture.format == "JPEG")
            picture.load()
        if picture.mode in ("P", "PA") and picture.palette is None:
            raise DamagedPicture("The picture is damaged: its palette is missing.")
        return picture


def open_image(data: bytes, preprocessing: Preprocessing, settings: Settings) -> EncodedImage:
    """Read the header of an image, and refuse it if it would cost too much to decode.

    Raises BadRequest (no bytes), UnsupportedPicture, TooLarge or DamagedPicture.
    """
    kind = _format(data, settings.picture_formats)
    kind.check(data)
    source = Source(data, OPENING)
    # Pillow's own limit, which it raises at twice this.
    Image.MAX_IMAGE_PIXELS = settings.max_megapixels * 500_000
    with _blaming_the_picture():
        picture = kind.open(source)
    pixels = picture.width * picture.height
    _check_size(picture, settings)
    if kind is FORMATS["TIFF"]:
        tiff.check_layout(picture, len(data))
    # libjpeg can scale while it decodes, for a fraction of the work. At twice the size that is
    # needed the difference is as small as that between two resize filters.
    with _blaming_the_picture():
        picture.draft("RGB", (2 * preprocessing.shortest_edge,) * 2)
    cost = kind.cost(picture, pixels, len(data))
    _check_cost(cost, settings)
    return EncodedImage(source, picture, cost, preprocessing, settings.max_decode_seconds)


def decode(data: bytes, preprocessing: Preprocessing, settings: Settings) -> NDArray[np.uint8]:
    """Open and decode an image; see `open_image` and `EncodedImage.decode`."""
    return open_image(data, preprocessing, settings).decode()


def _format(data: bytes, accepted: tuple[str, ...]) -> Format:
    """Return the format. The bytes decide, whatever the client called it."""
    if not data:
        raise BadRequest("The picture has no bytes: was the file empty?")
    for name in accepted:
        if FORMATS[name].signature.match(data):
            return FORMATS[name]
    raise UnsupportedPicture(
        f"This is not a picture of a kind that is accepted ({', '.join(accepted)}). "
        "Save it as one of these and send that."
    )


@contextmanager
def _blaming_the_picture() -> Iterator[None]:
    """Turn what Pillow's parsers raise, which is whatever they trip over, into DamagedPicture."""
    try:
        yield
    except (RequestError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("The picture has more megapixels than this server accepts.") from error
    except Exception as error:
        reason = str(error)[:200].rstrip(".") or "it breaks the rules of its format"
        raise DamagedPicture(f"The picture is damaged: {reason}.") from error


def _check_size(picture: Image.Image, settings: Settings) -> None:
    megapixels = picture.width * picture.height / 1e6
    if megapixels > settings.max_megapixels:
        raise TooLarge(
            f"The picture has {megapixels:.1f} megapixels; "
            f"this server accepts {settings.max_megapixels}. Send it smaller."
        )
    if max(picture.size) > MAX_EDGE:
        raise TooLarge(f"An edge of the picture has more than {MAX_EDGE} pixels. Send it smaller.")


def _check_cost(cost: Cost, settings: Settings) -> None:
    """Refuse what is small to send and expensive to decode, before anything is decoded."""
    if cost.seconds > settings.max_decode_seconds:
        raise TooLarge("The picture would take too long to decode. Send it smaller, or as a JPEG.")
    if cost.bytes > MAX_BYTES_PER_PIXEL * settings.max_megapixels * 1_000_000:
        raise TooLarge(
            "The picture would take too much memory to decode. Send it smaller, or as a JPEG."
        )
