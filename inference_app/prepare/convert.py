"""Write the files of a prepared model, and prove that it answers as its original does."""

from pathlib import Path
from typing import Any

from inference_app.model.prepared import write_json
from inference_app.prepare import network, parity
from inference_app.prepare.original import Original


def convert(
    original: Original, folder: Path, precision: str, photos: Path | None, report: Any
) -> dict[str, Any]:
    """Write all but the manifest into `folder`; return what the manifest says of the model.

    Raises PrepareError.
    """
    report("Converting the network (this can take a minute)")
    network.write(original.network, original.preprocessing, folder / "model.xml", precision)
    write_json(folder / "preprocessing.json", original.preprocessing.to_json())
    write_json(folder / "labels.json", original.labels)
    report("Comparing its answers with the original's")
    found = parity.check(original, folder / "model.xml", precision, photos)
    report(f"It agrees: {found}")
    return {"activation": original.activation, "parity": found.facts()}
