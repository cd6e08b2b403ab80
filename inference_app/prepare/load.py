"""Which library a source is loaded with."""

from collections.abc import Callable
from pathlib import Path

from inference_app.errors import PrepareError
from inference_app.prepare import huggingface, onnx_file, torchserve_archive, torchvision_file
from inference_app.prepare.original import Original
from inference_app.prepare.source import Source


def load(
    source: Source, labels: Path | None, input_size: int | None, report: Callable[[str], None]
) -> Original:
    """Load a folder in Hugging Face format, or a file of torch's, TorchServe's or ONNX's.

    Raises PrepareError.

    `labels` is a file that names the classes of a file that does not, `input_size` what an ONNX
    file takes that takes any; `report` is told what is assumed.
    """
    if source.path.suffix == ".onnx" and source.path.is_file():
        return onnx_file.load(source.path, labels, input_size, report)
    if input_size:
        raise PrepareError("--input-size is for ONNX files that take any size")
    if source.path.suffix == ".mar" and source.path.is_file():
        return torchserve_archive.load(source.path, labels)
    if source.path.is_file():
        return torchvision_file.load(source.path, labels)
    if labels:
        raise PrepareError("a folder names its classes in config.json; --labels is for files")
    return huggingface.load(source)
