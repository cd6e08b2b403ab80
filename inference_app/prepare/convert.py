"""Load a source with transformers, and write the files of a prepared model."""

import shutil
from pathlib import Path
from typing import Any

import transformers

from inference_app.errors import PrepareError
from inference_app.model.prepared import write_json
from inference_app.prepare import labels, network, processor
from inference_app.prepare.reason import first_line
from inference_app.prepare.source import Source

# No code and no pickles out of a model's folder, ever; nor a look at the network.
_SAFELY = {"trust_remote_code": False, "local_files_only": True}


def convert(source: Source, folder: Path, precision: str, report: Any) -> None:
    """Write all but the manifest into `folder`; raises PrepareError."""
    report("Loading it with transformers")
    model = _load(source)
    image_processor = _load_processor(source)
    report("Reading its image processor")
    preprocessing = processor.preprocessing_of(image_processor)
    processor.check(preprocessing, image_processor)
    classes = labels.labels_of(model.config)
    report("Converting the network (this can take a minute)")
    network.write(model, preprocessing, folder / "model.xml", precision)
    report("Comparing its answers with the original's")
    network.check(model, preprocessing, folder / "model.xml", precision)
    write_json(folder / "preprocessing.json", preprocessing.to_json())
    write_json(folder / "labels.json", classes)
    card = source.folder / "README.md"
    if card.exists():
        shutil.copyfile(card, folder / "README.md")


def _load(source: Source) -> Any:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, loading = transformers.AutoModelForImageClassification.from_pretrained(
            source.folder,
            use_safetensors=True,
            dtype="float32",
            output_loading_info=True,
            **_SAFELY,
        )
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


def _load_processor(source: Source) -> Any:
    try:
        return transformers.AutoImageProcessor.from_pretrained(source.folder, **_SAFELY)
    except Exception as error:
        raise PrepareError(
            f"{source.id} has no image processor that transformers can read "
            f"(preprocessor_config.json): {first_line(error)}"
        ) from error
