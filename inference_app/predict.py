"""What `predict` reads and prints: pictures that a command line names, and their predictions."""

import errno
import glob
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PIL import Image

from inference_app.model.classifier import Prediction
from inference_app.telemetry.logs import printable
from inference_app.web import responses

STDIN = "-"

# Makes lines of a file's name, its predictions and the option top_k.
Formatter = Callable[[str, Sequence[Prediction], int | None], str]


def suffixes(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the suffixes of files in these formats; ``.mpo`` is a phone's JPEG."""
    known = Image.registered_extensions()
    return tuple(suffix for suffix, kind in known.items() if kind.replace("MPO", "JPEG") in formats)


def find(arguments: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Return the files that files, folders, patterns and ``-`` stand for.

    Of a folder those are the files at any depth whose suffix is `wanted`, without hidden ones. What
    stands for no file is left as it is, for `read` to refuse.
    """
    return [file for each in arguments for file in _expand(each, wanted) or [each]]


def _expand(argument: str, wanted: Sequence[str]) -> list[str]:
    if Path(argument).is_dir():
        return _below(Path(argument), wanted)
    if argument == STDIN or Path(argument).exists():
        return [argument]
    # Windows' shells leave patterns to the program. Path.glob() would refuse absolute ones.
    return find(sorted(glob.glob(argument, recursive=True)), wanted)  # noqa: PTH207


def _below(folder: Path, wanted: Sequence[str]) -> list[str]:
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    pictures = (file for file in files if file.suffix.lower() in wanted)
    visible = (file for file in pictures if not any(part.startswith(".") for part in file.parts))
    return [str(folder / file) for file in sorted(visible)]


def read(file: str) -> bytes:
    """Return the bytes of a file, or of stdin; raises OSError."""
    if Path(file).is_dir():
        raise FileNotFoundError(errno.ENOENT, "No picture in this folder")
    return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()


def formatter(as_json: bool, terminal: bool) -> Formatter:
    """Return the formatter of a picture's predictions."""
    if as_json:
        return to_json
    return to_text if terminal else to_legacy


def to_json(file: str, ranking: Sequence[Prediction], top_k: int | None) -> str:
    """Return a line of JSON."""
    return printable(json.dumps({"file": file, **_fields(ranking, top_k)}, ensure_ascii=False))


def to_legacy(_file: str, ranking: Sequence[Prediction], top_k: int | None) -> str:
    """Return what an older system's program of this name printed: a dict in Python's notation."""
    return str(_fields(ranking, top_k))


def to_text(file: str, ranking: Sequence[Prediction], _top_k: int | None) -> str:
    """Return lines for people: ``photo.jpg  Egyptian cat  11.8 %``, one for each class."""
    name = printable(file) + "  "
    rows = [printable(f"{each.name}  {100 * each.score:.1f} %") for each in ranking]
    return name + f"\n{' ' * len(name)}".join(rows)


def _fields(ranking: Sequence[Prediction], top_k: int | None) -> dict[str, object]:
    ranked = {"predictions": [each.to_json() for each in ranking]} if top_k else {}
    return {**responses.response(ranking[0]), **ranked}
