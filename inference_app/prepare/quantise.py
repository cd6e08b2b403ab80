"""From a network in fp32 to one in int8, and what that changes: post-training quantisation.

NNCF does it: https://github.com/openvinotoolkit/nncf. Its options here were found by measuring, see
docs/models.md.
"""

import contextlib
import io
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference_app.errors import PrepareError
from inference_app.model.activation import ACTIVATIONS, Scores
from inference_app.model.runtime import openvino
from inference_app.prepare import network, parity
from inference_app.prepare.calibration import Pictures
from inference_app.prepare.reason import first_line

MIN_AGREEMENT = 0.985

# What is left in fp32 besides the first and the last layer; the second is tried where the first
# changes too many answers. Sums join the blocks of a ResNet: in fp32 it is more exact, and slower.
_EXACT_TYPES: tuple[tuple[str, ...], ...] = ((), ("Add",))


@dataclass(frozen=True)
class Quantisation:
    """How many pictures were used, and how the answers to those held out differ from fp32's.

    `agreement` is the share with the same first class. Of each picture's scores the one that
    differs most counts: `max_score_difference` is the largest of these differences,
    `mean_score_difference` their mean. `in_fp32` is what of the network is not in int8.
    """

    calibrated_on: int
    checked_on: int
    agreement: float
    max_score_difference: float
    mean_score_difference: float
    in_fp32: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return what the manifest records."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"the same class as in fp32 for {self.agreement:.2%} of {self.checked_on} held-out "
            f"pictures, scores within {self.max_score_difference:.2g}"
        )


def quantise(path: Path, activation: str, pictures: Pictures) -> Quantisation:
    """Replace the network at `path`, in fp32, by one in int8; return what that changes.

    Raises PrepareError if it names another class for too many pictures.
    """
    # OpenVINO reads weights from their file as it needs them, so it cannot be written to meanwhile.
    exact = path.with_name("fp32.xml")
    files = {path.with_suffix(suffix): exact.with_suffix(suffix) for suffix in (".xml", ".bin")}
    for old, new in files.items():
        old.rename(new)
    expected = _scores(exact, activation, pictures)
    for types in _EXACT_TYPES:
        network.save(_quantised(exact, pictures, types), path, compress_to_fp16=True)
        ours = _scores(path, activation, pictures)
        found = _compare(
            ours, expected, len(pictures.calibrating), ("first layer", "last layer", *types)
        )
        if found.agreement >= MIN_AGREEMENT:
            for file in files.values():
                file.unlink()
            return found
    raise PrepareError(
        f"in int8 the network names {found}; {MIN_AGREEMENT:.1%} is the least. Give it more "
        "pictures, of the kind that it will be sent, or prepare it with --precision auto"
    )


def _quantised(exact: Path, pictures: Pictures, exact_types: tuple[str, ...]) -> openvino.Model:
    # NNCF writes to stdout, where the command line prints the folder.
    with contextlib.redirect_stdout(io.StringIO()):
        import nncf  # after OpenVINO without its telemetry, which is NNCF's too
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        nncf.set_log_level(logging.ERROR)
        model = openvino.Core().read_model(exact)
        try:
            return nncf.quantize(
                model,
                nncf.Dataset(pictures.calibrating, pictures.decode),
                subset_size=len(pictures.calibrating),
                ignored_scope=nncf.IgnoredScope(_first_and_last(model), types=list(exact_types)),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    # Clipping, and correcting biases, made the bundled model less exact. On CPUs
                    # without VNNI the first layer overflowed, which now is in fp32.
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                    overflow_fix=nncf.OverflowFix.DISABLE,
                    disable_bias_correction=True,
                ),
            )
        except Exception as error:
            raise PrepareError(f"the network cannot be quantised: {first_line(error)}") from error


def _first_and_last(model: openvino.Model) -> list[str]:
    """Return the names of the layers that multiply with weights whose rounding costs most.

    They take little of the time. The input of the first is finer than int8 once it is normalised;
    nothing evens out the rounding of the last, the classifier.
    """
    layers = [
        each.get_friendly_name()
        for each in model.get_ordered_ops()
        if each.get_type_name() in ("Convolution", "MatMul")
    ]
    return [layers[0], layers[-1]]


def _compare(
    ours: Scores, theirs: Scores, calibrated_on: int, in_fp32: tuple[str, ...]
) -> Quantisation:
    differences = np.abs(ours - theirs).max(axis=1)
    return Quantisation(
        calibrated_on=calibrated_on,
        checked_on=len(ours),
        agreement=round(float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()), 4),
        max_score_difference=parity.digits(differences.max()),
        mean_score_difference=parity.digits(differences.mean()),
        in_fp32=in_fp32,
    )


def _scores(path: Path, activation: str, pictures: Pictures) -> Scores:
    """Return the scores of the pictures that are held out, float32 (N, classes)."""
    infer = network.read(path)
    return ACTIVATIONS[activation](np.stack([infer(pictures.decode(f)) for f in pictures.held_out]))
