"""The bytes of an image as Pillow reads them: for a limited time."""

import io
import re
import time
from collections.abc import Callable

from inference_app.errors import TooLarge

# JPEG's marker of a scan, ITU-T T.81, table B.1. A scan cannot begin without these two bytes.
_START_OF_SCAN = re.compile(rb"\xff\xda")  # whose search is twice as fast as bytes.find

_FEW = 64  # reads of a header between two looks at the clock


class Source(io.BytesIO):
    """A file in memory that raises once the time to read it is used up.

    Pillow's decoders are fed block by block, and its parsers of headers read piece by piece, so
    reading is where both can be stopped, whatever the bytes say. The clock is this thread's CPU
    time: a busy machine does not make an image expensive.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        """Let this thread read the header for so many seconds of its CPU time, from now on."""
        super().__init__(data)
        self._data = data
        self._decoding = self._split = False
        self._scan = 0  # where the next scan begins, or an earlier one
        self._check: Callable[[], None] | None = None
        self._allow(seconds)

    def decode(self, seconds: float, check: Callable[[], None], *, split_scans: bool) -> None:
        """Let this thread decode for so many seconds of its CPU time, from now on.

        Before each block `check` is called, and may raise. With `split_scans` no block has more
        than one start of a JPEG's scan: ten bytes of a scan make libjpeg pass over the whole image.
        """
        self._decoding, self._split, self._check = True, split_scans, check
        self._allow(seconds)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BytesIO does; raises TooLarge after the allowed time, and what `check` raises."""
        self._unchecked -= 1
        if self._unchecked > 0:
            return super().read(size)
        self._look()
        return super().read(self._before_next_scan(size or 0) if self._split else size)

    def _allow(self, seconds: float) -> None:
        self._until = time.thread_time() + seconds
        self._not_before = time.monotonic() + seconds
        self._unchecked = 0 if self._decoding else _FEW

    def _look(self) -> None:
        self._unchecked = 0 if self._decoding else _FEW
        if self._check:
            self._check()
        # CPU time passes no faster than time, which is ten times faster to read.
        if time.monotonic() > self._not_before and time.thread_time() > self._until:
            raise TooLarge(
                "The picture takes too long to decode. Save it again, smaller or as a plain JPEG."
            )

    def _before_next_scan(self, size: int) -> int:
        here = self.tell()
        if self._scan <= here:
            found = _START_OF_SCAN.search(self._data, here + 1)
            self._scan = found.start() if found else len(self._data)
        return min(size, max(1, self._scan - here))
