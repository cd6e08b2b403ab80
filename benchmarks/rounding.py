"""What 8 bits cost a client that normalises by itself: scores as they are served, and unrounded.

The network takes levels from 0 to 255, so a tensor of the Open Inference Protocol's FP32 is rounded
to them (pixels.denormalise). This feeds the same network with the levels before they are rounded.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import machine, pictures
from inference_app.config import BUNDLED_MODEL
from inference_app.cpus import available_cpus
from inference_app.model import prepared
from inference_app.model.activation import Scores, softmax
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.pixels import denormalise
from inference_app.model.prepared import PreparedModel
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.runtime import openvino

Levels = NDArray[np.float32]


def measure() -> dict[str, Any]:
    """Compare with the bundled model in fp32, on photos."""
    kind, photos = pictures.photos()
    model = replace(prepared.read(BUNDLED_MODEL), precision="fp32")
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": kind,
        "levels between those of 8 bits": compare(model, photos, levels),
        "levels of 8 bits": compare(model, photos, lambda *each: np.rint(levels(*each))),
    }


def compare(
    model: PreparedModel, photos: list[bytes], make: Callable[[bytes, Preprocessing], Levels]
) -> dict[str, Any]:
    """Return how alike the scores of what `make` makes of photos are, over all classes."""
    engine, exact = OpenVinoEngine(model, available_cpus()), unrounded(model)

    def serve(pixels: Levels) -> Scores:
        tensor = normalised(pixels, model.preprocessing)
        logits: Scores = engine.infer(denormalise(tensor, model.preprocessing))[0]
        return logits

    made = [make(photo, model.preprocessing) for photo in photos]
    served = softmax(np.stack([serve(pixels) for pixels in made]))
    wanted = softmax(np.stack([exact(pixels) for pixels in made]))
    return {
        "pictures": len(photos),
        "same_top_1": round(float((served.argmax(1) == wanted.argmax(1)).mean()), 4),
        "largest_difference": round(float(np.abs(served - wanted).max()), 6),
    }


def levels(photo: bytes, preprocessing: Preprocessing) -> Levels:
    """Return what the model sees of a photo, float32 (H, W, 3), resized without rounding."""
    picture = Image.open(io.BytesIO(photo)).convert("RGB")
    height, width = preprocessing.crop
    resample = Image.Resampling[preprocessing.interpolation.upper()]
    box = preprocessing.box(picture.width, picture.height)
    bands = [band.convert("F").resize((width, height), resample, box) for band in picture.split()]
    resized = np.stack([np.asarray(band, np.float32) for band in bands], axis=-1)
    return resized.clip(0, 255)


def normalised(pixels: Levels, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the tensor, (1, 3, H, W), that the model's image processor makes of levels."""
    mean, std = (np.array(each, np.float32) for each in (preprocessing.mean, preprocessing.std))
    planes: NDArray[np.float32] = ((pixels - mean) / std).transpose(2, 0, 1)[np.newaxis]
    return planes if preprocessing.channels == "RGB" else planes[:, ::-1]


def unrounded(model: PreparedModel) -> Callable[[Levels], Scores]:
    """Return the network as a function from levels that are not rounded to logits."""
    core = openvino.Core()
    network = core.read_model(model.folder / "model.xml")
    network.get_parameters()[0].set_element_type(openvino.Type.f32)
    network.validate_nodes_and_infer_types()
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def infer(pixels: Levels) -> Scores:
        logits: Scores = compiled([pixels[np.newaxis]])[0][0]
        return logits.copy()

    return infer
