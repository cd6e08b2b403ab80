"""What a trained model's folder says of it: a card, and the curves of its training."""

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from inference_app.evaluate.report import Report
from inference_app.train.options import Options
from inference_app.train.split import Split

CURVES = "curves.png"


def write(
    folder: Path, options: Options, split: Split, facts: dict[str, Any], figures: Report
) -> None:
    """Write README.md: what a model was made of, how, and how good it is."""
    (folder / "README.md").write_text(_card(options, split, facts, figures), "utf-8")


def _card(options: Options, split: Split, facts: dict[str, Any], figures: Report) -> str:
    start = "random weights of the architecture of" if options.from_scratch else "the weights of"
    rows = {"top-1": f"{figures.top_1:.1%}", "top-5": f"{figures.top_5:.1%}"}
    rows |= {"calibration error": f"{figures.calibration_error:.3f}"}
    worst = ", ".join(f"{each.name} ({each.top_1:.0%})" for each in figures.classes[:5])
    return f"""---
library_name: transformers
pipeline_tag: image-classification
base_model: {json.dumps(facts["id"])}
---

# {options.name}

An image classifier of {len(split.labels)} classes, trained by inference-app. It started from
{start} `{options.model}`. If that model came with a card, it is here as
`BASE.md`: its licence, and that of the pictures, may limit the use of this model.

## Validation

On {figures.pictures} held-out pictures, which it was not trained on, in fp32:

{_table("figure", rows)}

The classes with the lowest top-1: {worst}.

The epoch was chosen by these pictures too, so figures on new pictures may be a little lower.
Whether the base model was trained on any of them is not known here: see its card.

![loss and accuracy by epoch]({CURVES})

## Data

{len(split.training)} pictures to train on, {figures.pictures} to validate with, and
{figures.skipped} that could not be read.

Classes: {", ".join(each.label.split(",")[0] for each in split.labels)}.

## Settings

{_table("setting", facts)}

## Command

```sh
{options.command}
```
"""


def _table(head: str, cells: dict[str, Any]) -> str:
    rows = [f"| {name.replace('_', ' ')} | {cell} |" for name, cell in cells.items()]
    return "\n".join([f"| {head} | |", "|---|---|", *rows])


def draw(history: list[dict[str, float]], file: Path) -> None:
    """Draw loss and accuracy by epoch, out of TrainerState's history."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for axes, key, label in (
        (losses, "loss", "training, with smoothed labels"),
        (losses, "eval_loss", "held out"),
        (accuracies, "eval_top_1", "top-1, held out"),
        (accuracies, "eval_top_5", "top-5, held out"),
    ):
        points = [(each["epoch"], each[key]) for each in history if key in each]
        axes.plot(*zip(*points, strict=True), marker=".", label=label)
    losses.set(xlabel="epoch", ylabel="loss")
    accuracies.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
    for axes in (losses, accuracies):
        axes.legend()
    figure.savefig(file)
