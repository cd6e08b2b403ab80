"""The command `evaluate`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from inference_app.errors import UserError
from inference_app.evaluate import report
from inference_app.evaluate.dataset import held_out, labelled_pictures
from inference_app.evaluate.report import Comparison, Report
from inference_app.evaluate.run import Run, load, run
from inference_app.model import prepared

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=FOLDER)
@click.option("--data", type=FOLDER, required=True, help="Labelled pictures: FOLDER/<class>/*.jpg.")
@click.option(
    "--held-out", "held_out_alone", is_flag=True, help="Only the pictures that `train` holds out."
)
@click.option("--against", type=FOLDER, help="Another prepared model, to compare with.")
@click.option("--json", "json_file", type=FOLDER, help="File to write all figures to.")
@click.option("--picture", type=FOLDER, help="File to draw the calibration into: .svg or .png.")
def evaluate(
    model: Path,
    data: Path,
    held_out_alone: bool,
    against: Path | None,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    """Measure what MODEL, a prepared model, gets right on labelled pictures.

    A class folder is named by the class id or the label, as labels.json has them.
    """
    runs, reports = [], []
    for folder in (model, against) if against else (model,):
        found, figures = _evaluate(folder, data, held_out_alone)
        runs.append(found)
        reports.append(figures)
    comparison = Comparison.of(*runs) if against else None
    click.echo(report.table(reports, comparison))
    if json_file:
        _write(json_file, reports, comparison)
    if picture:
        report.draw(reports, picture)


def _evaluate(model: Path, data: Path, held_out_alone: bool) -> tuple[Run, Report]:
    classifier = load(prepared.read(model))
    labels = classifier.model.labels
    pictures = labelled_pictures(data, labels)
    found = run(classifier, held_out(pictures) if held_out_alone else pictures)
    return found, Report.of(classifier.model.name, found, labels)


def _write(file: Path, reports: list[Report], comparison: Comparison | None) -> None:
    figures = {"models": [each.to_json() for each in reports]}
    compared = {"comparison": asdict(comparison)} if comparison else {}
    text = json.dumps(figures | compared, indent=1)
    try:
        file.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
