"""What an evaluation found: as numbers, as a table, as a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from inference_app.errors import UserError
from inference_app.evaluate import measures
from inference_app.evaluate.measures import Bin
from inference_app.evaluate.run import Run
from inference_app.model.prepared import Label

WORST = 5  # classes and pairs of classes that the table lists


class ClassResult(NamedTuple):
    """A class, by its id and first name, and the share of its pictures that were right."""

    class_id: str
    name: str
    top_1: float


class Confused(NamedTuple):
    """How many pictures of one class were taken for another; both as in ClassResult."""

    class_id: str
    name: str
    predicted_id: str
    predicted_name: str
    pictures: int


@dataclass(frozen=True)
class Report:
    """The figures of one model; shares are from 0 to 1."""

    model: str
    pictures: int
    skipped: int
    top_1: float
    top_5: float
    calibration_error: float
    images_per_s: float
    classes: list[ClassResult]  # the lowest top-1 first
    confused: list[Confused]  # the most frequent first
    reliability: list[Bin]

    @classmethod
    def of(cls, model: str, run: Run, labels: Sequence[Label]) -> "Report":
        """Compute the figures of one model's run."""
        names = [(label.class_id, label.label.split(",")[0]) for label in labels]
        bins = measures.reliability(run.scores, run.actual)
        by_class = measures.accuracy_by_class(run.scores, run.actual)
        return cls(
            model=model,
            pictures=len(run.actual),
            skipped=len(run.skipped),
            top_1=measures.top_k_accuracy(run.scores, run.actual, 1),
            top_5=measures.top_k_accuracy(run.scores, run.actual, 5),
            calibration_error=measures.expected_calibration_error(bins),
            images_per_s=run.images_per_s,
            classes=[ClassResult(*names[index], share) for index, share in by_class.items()],
            confused=[
                Confused(*names[each.actual], *names[each.predicted], each.pictures)
                for each in measures.confusions(run.scores, run.actual)
            ],
            reliability=bins,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON types."""
        lists: dict[str, Sequence[Any]] = {
            "classes": self.classes,
            "confused": self.confused,
            "reliability": self.reliability,
        }
        return asdict(self) | {
            name: [each._asdict() for each in rows] for name, rows in lists.items()
        }


@dataclass(frozen=True)
class Comparison:
    """How two models differ on the same pictures."""

    agreement: float  # the share of pictures with the same class
    max_score_difference: float

    @classmethod
    def of(cls, run: Run, other: Run) -> "Comparison":
        """Compare two runs over the same pictures; raises UserError if their classes differ."""
        if run.scores.shape != other.scores.shape:
            raise UserError("the two models have different classes: they cannot be compared")
        return cls(
            measures.agreement(run.scores, other.scores),
            measures.max_difference(run.scores, other.scores),
        )


def table(reports: Sequence[Report], comparison: Comparison | None) -> str:
    """Return the figures as aligned lines, a column for each model."""
    rows = [("", *(each.model for each in reports))]
    rows += [
        ("pictures", *(f"{each.pictures} ({each.skipped} skipped)" for each in reports)),
        ("top-1", *(f"{each.top_1:.1%}" for each in reports)),
        ("top-5", *(f"{each.top_5:.1%}" for each in reports)),
        ("calibration error", *(f"{each.calibration_error:.3f}" for each in reports)),
        ("images/s", *(f"{each.images_per_s:.1f}" for each in reports)),
    ]
    lines = [f"{name:<18}" + "".join(f"{cell:>24}" for cell in cells) for name, *cells in rows]
    if comparison:
        lines += [
            f"{'same class':<18}{comparison.agreement:>24.1%}",
            f"{'scores differ by':<18}{comparison.max_score_difference:>24.4f}",
        ]
    return "\n".join([*lines, "", *_worst(reports[0])])


def _worst(report: Report) -> list[str]:
    classes = [f"{each.name} {each.top_1:.0%}" for each in report.classes[:WORST]]
    confused = [
        f"{each.name} as {each.predicted_name} ({each.pictures})"
        for each in report.confused[:WORST]
    ]
    return [
        f"worst classes: {', '.join(classes)}",
        f"most confused: {', '.join(confused) or 'none'}",
    ]


def draw(reports: Sequence[Report], file: Path) -> None:
    """Draw each model's reliability: accuracy by confidence, with the share of pictures.

    Raises UserError if matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("a picture needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(5 * len(reports), 5), layout="constrained")
    plots = figure.subplots(1, len(reports), squeeze=False)[0]
    for report, axes in zip(reports, plots, strict=True):
        axes.plot([0, 1], [0, 1], color="0.7")
        for each in report.reliability:
            axes.scatter(each.confidence, each.accuracy, 20 + 2000 * each.share, color="tab:blue")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score of the first class", ylabel="accuracy")
        axes.set_title(f"{report.model}: calibration error {report.calibration_error:.3f}")
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be written: {error}") from error
