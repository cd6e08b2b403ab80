"""Models in Hugging Face format, loaded with transformers."""

from functools import partial
from typing import Any

import torch
import transformers
from PIL import Image

from inference_app.errors import PrepareError
from inference_app.model.engine.torch import SAFELY, load_classifier
from inference_app.prepare.labels import labels_of
from inference_app.prepare.original import Answer, Original
from inference_app.prepare.processor import preprocessing_of
from inference_app.prepare.reason import first_line
from inference_app.prepare.source import Source


class Logits(torch.nn.Module):
    """A transformers classifier as a function from pixel values to logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) of normalised pixels, float32 (N, 3, H, W)."""
        logits: torch.Tensor = self.model(pixel_values=pixel_values).logits
        return logits


def load(source: Source) -> Original:
    """Load a classifier and its image processor; raises PrepareError."""
    model, processor = _load_model(source), load_processor(source)
    pipeline = transformers.pipeline(
        "image-classification", model=model, image_processor=processor, device="cpu"
    )
    return Original(
        network=Logits(model),
        preprocessing=preprocessing_of(processor),
        labels=labels_of(model.config),
        activation=activation_of(model.config),
        answer=partial(_answer, pipeline),
        save=partial(model.save_pretrained, max_shard_size="1TB"),  # in one file
    )


def load_processor(source: Source) -> Any:
    """Return the image processor of a model; raises PrepareError."""
    try:
        return transformers.AutoImageProcessor.from_pretrained(source.path, **SAFELY)
    except Exception as error:
        raise PrepareError(
            f"{source.id} has no image processor that transformers can read "
            f"(preprocessor_config.json): {first_line(error)}"
        ) from error


def activation_of(config: Any) -> str:
    """Return what transformers' image-classification pipeline does to a model's logits."""
    if config.problem_type == "regression":
        return "none"
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return "sigmoid"
    return "softmax"


def _answer(pipeline: Any, picture: Image.Image) -> Answer:
    outputs = pipeline.forward(pipeline.preprocess(picture))
    (best,) = pipeline.postprocess(outputs, top_k=1)
    return Answer(outputs["logits"][0].numpy(), best["label"], best["score"])


def _load_model(source: Source) -> Any:
    try:
        model, loading = load_classifier(source.path, output_loading_info=True)
    except Exception as error:
        raise PrepareError(f"{source.id} cannot be loaded: {first_line(error)}") from error
    _check_weights(source, loading["missing_keys"])
    return model.eval()


def _check_weights(source: Source, missing: set[str]) -> None:
    """Refuse a model of which a part has no weights: transformers makes up random ones."""
    # Old checkpoints lack these counters, which only training reads.
    missing = {name for name in missing if not name.endswith(".num_batches_tracked")}
    if missing:
        raise PrepareError(
            f"{source.id} has no weights for {min(missing)} ({len(missing)} missing in all)"
        )
