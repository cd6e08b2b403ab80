"""The folder in memory, for files that must not wait for a disk or fill one."""

from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 the kernel's own, see shm_overview(7)


def folder() -> str | None:
    """Return the folder in memory, or None where the system has none."""
    return str(FOLDER) if FOLDER.is_dir() else None
