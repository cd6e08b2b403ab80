"""The memory that all workers of a replica may use for requests, and what each has taken of it."""

import math
import mmap
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.errors import Overloaded, TooLarge
from inference_app.memory import available_memory
from inference_app.model.deadline import Deadline

try:
    import fcntl
except ImportError:  # Windows, where a single process serves
    fcntl = None  # type: ignore[assignment]

MB = 1_000_000
# Measured, as PSS after requests: what is there once; what a worker has beside its weights, which
# was 37 MB (the bundled model) to 138 (DenseNet-121). See docs/operating.md.
SHARED, WORKER_MIN, WORKER_MAX = 100 * MB, 35 * MB, 140 * MB
# What torch adds: its libraries once, and to each worker.
TORCH_SHARED, TORCH_MIN, TORCH_MAX = 200 * MB, 250 * MB, 450 * MB
BYTES_A_BYTE = 3  # of a body, while it is parsed: room for its copies
DECODER = 35 * MB  # a process that decodes expensive images, of which a worker has one or more
UNKNOWN = 2_000 * MB  # the budget where the memory of the machine is not known
SAFETY = 0.9  # of what is left is given to requests: allocators need some room
ALLOWANCE_MAX = 64 * MB  # what a worker has to itself, so that small requests take no shared lock
SMALL = 1 / 16  # of the allowance: what is larger is taken from the common part
# What memory is for, and its share of the common part. Bodies are held while their pictures wait
# for memory: of one pot, bodies might take all, and wait for ever.
Use = Literal["bodies", "pictures"]
SHARES: dict[Use, float] = {"bodies": 0.25, "pictures": 0.75}
SLOTS = 512  # workers by number; twice the most that can be set, for while Gunicorn reloads
POLL = 0.02  # seconds
WAIT_SHARE = 0.5  # of the time that is left may be spent waiting for memory


class Needs(NamedTuple):
    """Bytes that a replica takes without requests, as little and as much as was measured."""

    min: int
    max: int


def replica_needs(settings: Settings) -> Needs:
    """Return what the workers of a replica take, without requests."""
    workers, decoders = settings.workers, max(settings.workers, available_cpus())
    shared, engine = _engine_needs(settings.model_path)
    return Needs(
        SHARED + shared + workers * (WORKER_MIN + engine.min),
        SHARED + shared + workers * (WORKER_MAX + engine.max) + decoders * DECODER,
    )


def _engine_needs(model: Path) -> tuple[int, Needs]:
    """Return what the engine of a prepared model takes once, and in each worker."""
    sizes = {file.name: file.stat().st_size for file in model.glob("model.*")}
    if "model.safetensors" not in sizes:
        weights = sizes.get("model.bin", 0)
        return 0, Needs(weights, weights)
    weights = sizes["model.safetensors"]  # of 32 bits; in 16 they are held beside it for a moment
    return TORCH_SHARED, Needs(TORCH_MIN + weights // 2, TORCH_MAX + weights * 3 // 2)


def _shares(settings: Settings, memory: int | None) -> tuple[int, int, int]:
    """Return what MemoryBudget takes, for a replica that may use `memory` bytes."""
    free = UNKNOWN
    if memory is not None:
        free = max(0, math.floor(SAFETY * (memory - replica_needs(settings).max)))
    # Parsing a large body holds Python's lock for a while: half the workers go on.
    largest_body = BYTES_A_BYTE * settings.max_upload_mb * 1024 * 1024
    return free, settings.workers, max(1, settings.workers // 2) * largest_body


class MemoryBudget:
    """Bytes that the workers of a replica share; made before they are forked.

    Each worker has an allowance for small requests. What is larger is taken from the common part:
    shared memory says what each worker has taken of it. The kernel releases a dead worker's lock,
    and `forget` what it had taken.
    """

    def __init__(self, total: int, workers: int = 1, bodies_max: int | None = None) -> None:
        """Share `total` bytes between so many workers, at most `bodies_max` of them for bodies."""
        self._divide(total, workers, bodies_max)
        # Shared with forks.
        self._taken: dict[Use, memoryview] = {
            use: memoryview(mmap.mmap(-1, SLOTS * 8)).cast("q") for use in SHARES
        }
        self._lock_file = tempfile.TemporaryFile()  # noqa: SIM115 open as long as the budget lives
        weakref.finalize(self, self._lock_file.close)
        self.join(0)

    @classmethod
    def of_replica(cls, settings: Settings) -> "MemoryBudget":
        """Make the budget of a replica, from the memory that it may use."""
        return cls.of_memory(settings, available_memory())

    @classmethod
    def of_memory(cls, settings: Settings, memory: int | None) -> "MemoryBudget":
        """Make the budget of a replica that may use `memory` bytes; None is unknown."""
        return cls(*_shares(settings, memory))

    def fit(self, settings: Settings) -> None:
        """Let this process count by other settings: those of a model with other weights."""
        self._divide(*_shares(settings, available_memory()))

    def _divide(self, total: int, workers: int, bodies_max: int | None) -> None:
        self._allowance = min(ALLOWANCE_MAX, total // (4 * workers))
        common = total - workers * self._allowance
        self._limits: dict[Use, int] = {
            use: math.floor(share * common) for use, share in SHARES.items()
        }
        if bodies_max is not None:
            self._limits["bodies"] = min(self._limits["bodies"], bodies_max)

    def join(self, number: int) -> None:
        """Take memory as worker `number` from now on; no other that lives has it."""
        self._number = number
        self._lock = threading.Lock()  # between the threads of this worker
        self._used = 0  # of the allowance

    def forget(self, number: int) -> None:
        """Give back what worker `number` had taken: it is dead."""
        with self._locked():
            for taken in self._taken.values():
                taken[number] = 0

    def limit(self, use: Use) -> int:
        """Return the bytes that all workers together may take of the common part."""
        return self._limits[use]

    def taken(self, use: Use) -> int:
        """Return the bytes that all workers together have taken of the common part."""
        return sum(self._taken[use])

    @contextmanager
    def reserve(self, use: Use, size: int, deadline: Deadline) -> Iterator[None]:
        """Hold `size` bytes while the `with` lasts.

        Waits until they are free. Raises Overloaded if that takes too long, TooLarge if they can
        never be, and ClientDisconnected.
        """
        if self._take_small(size):
            give_back = self._give_back_small
        else:
            self._wait_for(use, size, deadline)
            give_back = partial(self._give_back, use)
        try:
            yield
        finally:
            give_back(size)

    def _take_small(self, size: int) -> bool:
        with self._lock:
            fits = size <= SMALL * self._allowance and self._used + size <= self._allowance
            self._used += size if fits else 0
            return fits

    def _give_back_small(self, size: int) -> None:
        with self._lock:
            self._used -= size

    def _wait_for(self, use: Use, size: int, deadline: Deadline) -> None:
        if size > self.limit(use):
            raise TooLarge(
                f"This would take {size // MB} MB of memory; this server has "
                f"{self.limit(use) // MB} MB for {use}. Send a smaller picture."
            )
        until = time.monotonic() + WAIT_SHARE * deadline.seconds_left()
        while not self._take(use, size):
            deadline.check()
            if time.monotonic() > until:
                raise Overloaded(1)
            time.sleep(POLL)

    def _take(self, use: Use, size: int) -> bool:
        with self._locked():
            fits = self.taken(use) + size <= self.limit(use)
            self._taken[use][self._number] += size if fits else 0
            return fits

    def _give_back(self, use: Use, size: int) -> None:
        with self._locked():
            self._taken[use][self._number] -= size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of all workers. POSIX's locks are a process's, so its threads need one."""
        with self._lock:
            if fcntl:
                fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if fcntl:
                    fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
