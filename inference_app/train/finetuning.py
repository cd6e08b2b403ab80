"""From a model in Hugging Face format and labelled pictures to a trained model in that format."""

import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import transformers

from inference_app.evaluate.report import Report
from inference_app.evaluate.run import Run
from inference_app.model.activation import softmax
from inference_app.prepare import today
from inference_app.prepare.source import fetch
from inference_app.train import card, checkpoints
from inference_app.train.options import Options, Say
from inference_app.train.pixels import to_train, to_validate
from inference_app.train.split import Split, split
from inference_app.train.start import Start
from inference_app.train.trainer import NetworkTrainer, trainer


def train_network(options: Options, say: Say) -> Report:
    """Train a whole network; return its figures on the held-out pictures.

    `options.output` appears only when all of it went well. A training that was interrupted, in
    whatever way, goes on after its last whole epoch when this is called again. Raises UserError.
    """
    checkpoints.check_output(options.output)
    transformers.set_seed(options.seed)
    start = Start.of(fetch(options.model, None))
    data = split(options.data, start.labels, start.preprocessing, say)
    plan = start.source.facts() | options.settings() | {"data": data.digest}
    network = start.network(data.labels, options.from_scratch, say)
    where = checkpoints.begin(options.output, plan, network)
    with checkpoints.explaining(where):
        ours = _trainer(network, start, data, options, say)
        last = _fit(ours, checkpoints.last(where), say)
        ours.average.load_state_dict(checkpoints.average(checkpoints.best(last)))
        figures = _figures(ours, options.name, data)
        facts = plan | _outcome(checkpoints.state(last), ours)
        _write(where / "result", ours, start, last)
        card.write(where / "result", options, data, facts, figures)
        checkpoints.publish(where, options.output)
    return figures


def _trainer(network: Any, start: Start, data: Split, options: Options, say: Say) -> NetworkTrainer:
    training = to_train(data.training, start.preprocessing, options.flip)
    validation = to_validate(data.validation, start.preprocessing)
    return trainer(network, training, validation, options, say)


def _fit(ours: NetworkTrainer, checkpoint: Path | None, say: Say) -> Path:
    """Train to the end; return the last checkpoint."""
    where = Path(ours.args.output_dir)
    if checkpoint:
        say(f"Going on after epoch {checkpoints.state(checkpoint)['epoch']:.0f}")
        ours.average.load_state_dict(checkpoints.average(checkpoint))
    if not checkpoint or not checkpoints.is_final(checkpoint):
        millions = ours.model.num_parameters() / 1e6
        say(f"Training {millions:.1f} million weights on {ours.args.device}, {ours.precision}")
        ours.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    last = checkpoints.last(where)
    assert last  # noqa: S101 each epoch writes one
    return last


def _figures(ours: NetworkTrainer, name: str, data: Split) -> Report:
    """Measure the average on the held-out pictures."""
    start = time.perf_counter()
    found = ours.evaluation_loop(ours.get_eval_dataloader(), "Evaluation")
    speed = round(len(data.validation) / (time.perf_counter() - start), 1)
    run = Run(softmax(found.predictions), found.label_ids, data.unreadable, speed)
    return Report.of(name, run, data.labels)


def _outcome(state: dict[str, Any], ours: NetworkTrainer) -> dict[str, Any]:
    """Return what came of the plan."""
    steps_per_epoch = state["global_step"] / state["epoch"]
    return {
        "epochs_run": round(state["epoch"]),
        "best_epoch": round(state["best_global_step"] / steps_per_epoch),
        "optimizer": "AdamW, one cycle of the learning rate",
        "device": ours.args.device.type,
        "precision": ours.precision,
        "versions": ", ".join(f"{each} {version(each)}" for each in ("torch", "transformers")),
        "created": today(),
    }


def _write(folder: Path, ours: NetworkTrainer, start: Start, last: Path) -> None:
    """Write the network, what its pictures need, the base model's card, and the curves."""
    shutil.rmtree(folder, ignore_errors=True)
    averaged: Any = ours.average.module
    averaged.save_pretrained(folder)
    for theirs, copy in (("preprocessor_config.json",) * 2, ("README.md", "BASE.md")):
        if (start.source.path / theirs).exists():
            shutil.copyfile(start.source.path / theirs, folder / copy)
    card.draw(checkpoints.state(last)["log_history"], folder / card.CURVES)
