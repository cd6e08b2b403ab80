"""Write the files of a prepared model, and prove that it answers as its original does."""

from collections.abc import Callable
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
from inference_app.prepare.original import Original

# From pixels, uint8 (1, H, W, 3), to logits, float32 (classes,).
Infer = Callable[[NDArray[np.uint8]], Scores]


def convert(
    original: Original,
    folder: Path,
    engine: str,
    precision: str,
    photos: Path | None,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Write all but the manifest into `folder`; return what the manifest says of the model.

    Raises PrepareError.
    """
    report("Writing the network (converting it can take a minute)")
    infer = {"openvino": _for_openvino, "torch": _for_torch}[engine](original, folder, precision)
    write_json(folder / "preprocessing.json", original.preprocessing.to_json())
    write_json(folder / "labels.json", original.labels)
    report("Comparing its answers with the original's")
    found = parity.check(original, infer, precision, photos)
    report(f"It agrees: {found}")
    return {"activation": original.activation, "parity": found.facts()}


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
