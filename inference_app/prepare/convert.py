"""Write the files of a prepared model, and prove that it answers as its original does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app.cpus import available_cpus
from inference_app.errors import PrepareError
from inference_app.model.activation import Scores
from inference_app.model.engine.torch import TorchEngine
from inference_app.model.prepared import PreparedModel, write_json
from inference_app.prepare import network, parity
from inference_app.prepare.calibration import Pictures
from inference_app.prepare.original import Original
from inference_app.prepare.preparation import Preparation

# From pixels, uint8 (1, H, W, 3), to logits, float32 (classes,).
Infer = Callable[[NDArray[np.uint8]], Scores]


def convert(
    original: Original,
    folder: Path,
    asked: Preparation,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Write all but the manifest into `folder`; return what the manifest says of the model.

    Raises PrepareError.
    """
    write_json(folder / "preprocessing.json", original.preprocessing.to_json())
    write_json(folder / "labels.json", original.labels)
    if asked.precision == "int8" and asked.pictures:
        pictures = Pictures.choose(asked.pictures, original.preprocessing)
        exact = replace(asked, precision="fp32", pictures=None)
        return _convert_to_int8(original, folder, exact, pictures, report)
    return _convert(original, folder, asked, report)


def _convert(
    original: Original, folder: Path, asked: Preparation, report: Callable[[str], None]
) -> dict[str, Any]:
    report("Writing the network (converting it can take a minute)")
    write = {"openvino": _for_openvino, "torch": _for_torch}[asked.engine]
    infer = write(original, folder, asked.precision)
    report("Comparing its answers with the original's")
    found = parity.check(original, infer, asked.precision, asked.pictures)
    report(f"It agrees: {found}")
    return {"activation": original.activation, "parity": found.facts()}


def _convert_to_int8(
    original: Original,
    folder: Path,
    exact: Preparation,
    pictures: Pictures,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Convert in fp32, then quantise: each step is checked, the second on the user's pictures."""
    from inference_app.prepare.quantise import quantise  # imports nncf, which no other needs

    facts = _convert(original, folder, exact, report)
    report(
        f"Quantising with {len(pictures.calibrating)} pictures, "
        f"comparing on {len(pictures.held_out)} others (this can take minutes)"
    )
    found = quantise(folder / "model.xml", original.activation, pictures)
    report(f"In int8 it names {found}")
    return facts | {"quantisation": found.facts()}


def _for_openvino(original: Original, folder: Path, precision: str) -> Infer:
    """Convert the network; return it as it was written, in fp32."""
    path = folder / "model.xml"
    try:
        network.write(original.network, original.preprocessing, path, precision)
    except network.CannotBeConvertedError as error:
        if original.save is None:
            raise
        raise PrepareError(
            f"{error}. Serve it with torch: prepare it with --engine torch"
        ) from error
    return network.read(path)


def _for_torch(original: Original, folder: Path, _precision: str) -> Infer:
    """Save the network; return it as it was written, in fp32."""
    if original.save is None:
        raise PrepareError("only models in Hugging Face format are served with --engine torch")
    original.save(folder)
    for file in folder.iterdir():  # safetensors writes for its owner alone; another may serve
        file.chmod(0o644)
    written = PreparedModel(
        folder=folder,
        name=folder.name,
        digest="",
        engine="torch",
        precision="fp32",
        activation=original.activation,
        manifest={},
        labels=(),
        preprocessing=original.preprocessing,
    )
    engine = TorchEngine(written, available_cpus())
    return lambda pixels: engine.infer(pixels)[0]
