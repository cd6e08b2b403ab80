"""Load a source with transformers, and write the files of a prepared model."""

import shutil
from pathlib import Path
from typing import Any

import transformers

from inference_app.errors import PrepareError
from inference_app.prepare import labels, network, processor
from inference_app.prepare.source import Source
from inference_app.prepared import write_json

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
    report("Converting the network (this can take a minute)")
    network.write(model, preprocessing, folder / "model.xml", precision)
    report("Comparing its answers with the original's")
    network.check(model, preprocessing, folder / "model.xml", precision)
    write_json(folder / "preprocessing.json", preprocessing.to_json())
    write_json(folder / "labels.json", labels.labels_of(model.config))
    card = source.folder / "README.md"
    if card.exists():
        shutil.copyfile(card, folder / "README.md")


def _load(source: Source) -> Any:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model = transformers.AutoModelForImageClassification.from_pretrained(
            source.folder, use_safetensors=True, dtype="float32", **_SAFELY
        )
    except Exception as error:
        raise PrepareError(f"{source.id} cannot be loaded: {_first_line(error)}") from error
    return model.eval()


def _load_processor(source: Source) -> Any:
    try:
        return transformers.AutoImageProcessor.from_pretrained(source.folder, **_SAFELY)
    except Exception as error:
        raise PrepareError(
            f"{source.id} has no image processor that transformers can read "
            f"(preprocessor_config.json): {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
