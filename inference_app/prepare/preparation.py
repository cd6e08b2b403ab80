"""What a user asks `prepare` for."""

from dataclasses import dataclass
from pathlib import Path

from inference_app.errors import PrepareError


@dataclass(frozen=True)
class Preparation:
    """A model to prepare, and how.

    `model_id` is an id on the Hub, a folder or a file; `name` is what clients see. `revision` is on
    the Hub; `engine` a key of `prepared.NETWORKS`. `pictures` is a folder to compare answers on,
    without which there is no int8; `labels` a file that names the classes; `input_size` in pixels,
    for an ONNX file that takes any.

    Raises PrepareError if these do not go together.
    """

    model_id: str
    name: str
    revision: str | None = None
    precision: str = "auto"
    engine: str = "openvino"
    pictures: Path | None = None
    labels: Path | None = None
    input_size: int | None = None

    def __post_init__(self) -> None:
        if self.precision == "int8" and self.engine != "openvino":
            raise PrepareError(
                "int8 is for OpenVINO alone: leave out --engine, or choose --precision auto"
            )
        if self.precision == "int8" and self.pictures is None:
            raise PrepareError(
                "int8 is calibrated on pictures like those it will be sent: add --pictures FOLDER"
            )

    @property
    def packages(self) -> list[str]:
        """The packages that decide what comes out."""
        quantising = ["nncf"] if self.precision == "int8" else []
        return ["openvino", "torch", "transformers", *quantising]
