"""The model in a TorchServe archive (.mar) of its handler image_classifier; no code of it is run.

It is a zip with MAR-INF/MANIFEST.json, a state dict, a file of Python that defines the network, and
index_to_name.json: https://github.com/pytorch/serve/tree/master/model-archiver. The three that
count are read into files with names of ours, so what a member is called leads nowhere.
"""

import ast
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

from inference_app.errors import PrepareError
from inference_app.prepare import torchvision_file
from inference_app.prepare.original import Original
from inference_app.prepare.reason import first_line

MANIFEST, NAMES = "MAR-INF/MANIFEST.json", "index_to_name.json"
HANDLER = "image_classifier"
MAX_MEMBERS = 1000
MAX_TEXT = 1_000_000  # bytes of a manifest, of names or of code; ImageNet's names take 36,000
MAX_WEIGHTS = 1_000_000_000  # bytes; ResNet-50's take 100 million
_CHUNK = 1_000_000


def load(file: Path, labels: Path | None) -> Original:
    """Read an archive's weights, and its classes unless `labels` names them.

    Raises PrepareError for other handlers, networks and forms of weights, and for archives that are
    damaged or too large.
    """
    with _opened(file) as archive, TemporaryDirectory() as scratch:
        model = _model(archive)
        _check_code(archive, model.get("modelFile"))
        weights, names = Path(scratch) / "weights", Path(scratch) / "names"
        archive.copy(str(model.get("serializedFile")), weights, MAX_WEIGHTS)
        _check_weights(archive, weights)
        if labels is None and NAMES in archive.zip.namelist():
            archive.copy(NAMES, names, MAX_TEXT)
            labels = names
        try:
            return torchvision_file.load(weights, labels)
        except PrepareError as error:
            raise PrepareError(str(error).replace(str(weights.parent), str(file))) from error


@dataclass(frozen=True)
class _Archive:
    file: Path
    zip: ZipFile

    def refusal(self, why: str) -> PrepareError:
        return PrepareError(f"{self.file} {why}")

    def read(self, name: str) -> bytes:
        """Return a member, of MAX_TEXT bytes at most; raises PrepareError."""
        return b"".join(self._chunks(name, MAX_TEXT))

    def copy(self, name: str, path: Path, limit: int) -> None:
        """Write a member to a file; raises PrepareError if it has more than `limit` bytes."""
        with path.open("wb") as file:
            for chunk in self._chunks(name, limit):
                file.write(chunk)

    def _chunks(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield a member in parts: its header may lie about its size."""
        if name not in self.zip.namelist():
            raise self.refusal(f"has no {name[:100]!r}")
        left = limit
        with self.zip.open(name) as member:
            while chunk := member.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise self.refusal(f"holds more than {limit // 10**6} MB in {name[:100]!r}")
                yield chunk


@contextmanager
def _opened(file: Path) -> Iterator[_Archive]:
    try:
        with ZipFile(file) as zip_:
            archive = _Archive(file, zip_)
            if len(zip_.namelist()) > MAX_MEMBERS:
                raise archive.refusal(f"holds more than {MAX_MEMBERS} files")
            yield archive
    # RuntimeError: it is encrypted, or compressed in a way that Python does not know.
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise PrepareError(f"{file} cannot be read as an archive: {first_line(error)}") from error


def _model(archive: _Archive) -> dict[str, Any]:
    """Return what the manifest says of the model; raises PrepareError for another handler."""
    try:
        model = dict(json.loads(archive.read(MANIFEST))["model"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise archive.refusal(f"has no manifest of a model: {first_line(error)}") from error
    if model.get("handler") != HANDLER:
        raise archive.refusal(
            f"is for the handler {str(model.get('handler'))[:100]!r}, which is code that would "
            f"have to be run. Archives for {HANDLER} are read; convert the model to Hugging Face "
            "format or ONNX"
        )
    return model


def _check_code(archive: _Archive, name: Any) -> None:
    """Refuse code that may define another network than torchvision's; raises PrepareError."""
    if not name:
        return
    try:
        defines_torchvisions = _defines_torchvisions(ast.parse(archive.read(str(name))))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        defines_torchvisions = False
    if not defines_torchvisions:
        raise archive.refusal(
            f"defines a network of its own in {str(name)[:100]!r}, which would have to be run. "
            "Networks that are torchvision's ResNet or DenseNet are read; convert others to "
            "Hugging Face format or ONNX"
        )


def _defines_torchvisions(code: ast.Module) -> bool:
    """Tell whether code does no more than fill in what torchvision's classes take.

    As in TorchServe's examples: a class whose ``__init__`` calls that of ResNet or DenseNet by
    position, and whose ``load_state_dict`` brings old names up to date.
    """
    statements = [each for each in code.body if not (_is_import(each) or _is_docstring(each))]
    if len(statements) != 1 or not isinstance(statements[0], ast.ClassDef):
        return False
    network = statements[0]
    bases = [ast.unparse(base).rpartition(".")[2] for base in network.bases]
    changed = network.decorator_list or network.keywords
    return bases in (["ResNet"], ["DenseNet"]) and not changed and all(map(_fills_in, network.body))


def _is_import(line: ast.stmt) -> bool:
    if isinstance(line, ast.ImportFrom):
        return (line.module or "").partition(".")[0] in ("torch", "torchvision")
    return isinstance(line, ast.Import)


def _is_docstring(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _fills_in(part: ast.stmt) -> bool:
    if not isinstance(part, ast.FunctionDef) or part.decorator_list:
        return _is_docstring(part)
    calls = all(_is_docstring(line) or _calls_by_position(line) for line in part.body)
    return part.name == "load_state_dict" or (part.name == "__init__" and calls)


def _calls_by_position(line: ast.stmt) -> bool:
    call = line.value if isinstance(line, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    return call.func.attr == "__init__" and {each.arg for each in call.keywords} <= {"num_classes"}


def _check_weights(archive: _Archive, weights: Path) -> None:
    """Refuse TorchScript, which is code, and weights that unpack to too much."""
    try:
        with ZipFile(weights) as zip_:
            members = zip_.infolist()
    except BadZipFile:  # of torch before 1.6
        return
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise archive.refusal(
            "holds TorchScript, which is code. Take its tensors out, where you trust it, and "
            "prepare them: torch.save(torch.jit.load('model.pt').state_dict(), 'model.pth')"
        )
    if sum(member.file_size for member in members) > MAX_WEIGHTS:
        raise archive.refusal(f"holds weights of more than {MAX_WEIGHTS // 10**6} MB")
