"""The pictures that a command line names: files, folders and patterns."""

import glob
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".mpo", ".gif", ".bmp", ".tif", ".tiff")


def find(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that the arguments stand for, each once, and why others stand for none."""
    found = {argument: expand(argument) for argument in arguments}
    files: Iterable[str] = itertools.chain(*found.values())
    return list(dict.fromkeys(files)), [nothing_found(each) for each in found if not found[each]]


def expand(argument: str) -> list[str]:
    """Return the files that a file, folder or pattern stands for."""
    matches = [argument]
    if glob.escape(argument) != argument and not Path(argument).exists():
        # Windows' shells leave patterns to us. Path.glob() would refuse absolute ones.
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207
    return [file for match in matches for file in pictures_below(match)]


def pictures_below(path: str) -> list[str]:
    """Return a folder's pictures at any depth, without hidden ones; a file as it is."""
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    below = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    pictures = (file for file in below if file.suffix.lower() in SUFFIXES)
    visible = (file for file in pictures if not any(part.startswith(".") for part in file.parts))
    return [str(folder / file) for file in sorted(visible)]


def nothing_found(argument: str) -> str:
    """Say why an argument stands for no file."""
    if Path(argument).is_dir():
        return f"no picture in the folder {argument} ({' '.join(SUFFIXES)})"
    return f"no file matches {argument}"
