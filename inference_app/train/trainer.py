"""transformers' Trainer with a one-cycle schedule, judged by an average of the weights."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from inference_app.cpus import available_cpus
from inference_app.errors import UserError
from inference_app.evaluate.measures import top_k_accuracy
from inference_app.model.runtime import openvino
from inference_app.train import checkpoints
from inference_app.train.options import Options, Say
from inference_app.train.pixels import Pictures

DECAY = 0.998  # of the average, once it covers that many steps
SMOOTHING = 0.1  # of the labels
WEIGHT_DECAY = 0.05  # not of biases and normalisations
WARM_UP = 0.25  # the part of the steps in which the learning rate grows
MAX_LOADERS = 8  # processes that decode pictures
PER_LOADER = 150  # pictures in an epoch for which another one is worth its start
LOGS = 5  # of the loss, in an epoch


class NetworkTrainer(Trainer):  # type: ignore[misc]
    """Trains `model`, and evaluates `average`, the exponential moving average of its weights."""

    def __init__(self, *args: Any, say: Say, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.average = AveragedModel(self.model, avg_fn=_averaged, use_buffers=True)
        self.average.eval()
        self.remove_callback(PrinterCallback)
        self.add_callback(Progress(say))
        self.add_callback(KeepAverage(self.average))

    @property
    def precision(self) -> str:
        """What training computes in where that loses nothing: bf16 or fp32."""
        return "bf16" if self.args.bf16 else "fp32"

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make one cycle over all steps: Smith, Super-Convergence, 2018."""
        steps = max(2, num_training_steps)
        growing = max(WARM_UP, 2 / steps)  # or torch divides by zero
        optimizer = optimizer or self.optimizer
        self.lr_scheduler = OneCycleLR(optimizer, self.args.learning_rate, steps, pct_start=growing)
        return self.lr_scheduler

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Return all pictures; in training, an incomplete last batch is left out."""
        workers, size = self.args.dataloader_num_workers, self.args.per_device_eval_batch_size
        return self.accelerator.prepare(
            DataLoader(eval_dataset or self.eval_dataset, size, num_workers=workers)
        )

    def prediction_step(
        self,
        model: Any,  # noqa: ARG002 the one in training
        inputs: dict[str, torch.Tensor],
        prediction_loss_only: bool,  # noqa: ARG002
        ignore_keys: Any = None,  # noqa: ARG002
    ) -> tuple[torch.Tensor, ...]:
        """Return the loss, the logits and the classes, by the average and in float32."""
        with torch.no_grad():
            logits = self.average.module(pixel_values=inputs["pixel_values"]).logits
        return cross_entropy(logits, inputs["labels"]), logits, inputs["labels"]


class KeepAverage(TrainerCallback):  # type: ignore[misc]
    """Updates the average after each step, and stores it as the last file of a checkpoint."""

    def __init__(self, average: AveragedModel) -> None:
        self._average = average

    def on_step_end(self, *_: Any, model: Any, **__: Any) -> None:
        """Take the weights of a step in."""
        self._average.update_parameters(model)

    def on_save(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Complete a checkpoint."""
        where, average = Path(args.output_dir), self._average.state_dict()
        checkpoints.complete(where, state.global_step, state.best_global_step, average)


class Progress(TrainerCallback):  # type: ignore[misc]
    """Says how it goes: the loss several times in an epoch, and the accuracy after it."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def on_log(self, _: Any, state: Any, __: Any, logs: dict[str, float], **___: Any) -> None:
        """Say the loss on the pictures that are trained on."""
        if "loss" in logs:
            self._say(
                f"epoch {state.epoch:.1f} of {state.num_train_epochs}: loss {logs['loss']:.3f}"
            )

    def on_evaluate(
        self, args: Any, state: Any, _: Any, metrics: dict[str, float], **__: Any
    ) -> None:
        """Say the figures on the held-out pictures; raises UserError if training diverged."""
        loss = metrics["eval_loss"]
        if not math.isfinite(loss):
            raise UserError(
                f"training diverged in epoch {state.epoch:.0f}: choose a smaller --learning-rate "
                f"than {args.learning_rate:g}"
            )
        self._say(
            f"epoch {state.epoch:.0f} of {state.num_train_epochs} done: held-out loss {loss:.3f}, "
            f"top-1 {metrics['eval_top_1']:.1%}, top-5 {metrics['eval_top_5']:.1%}"
        )


def trainer(
    network: Any, training: Pictures, validation: Pictures, options: Options, say: Say
) -> NetworkTrainer:
    """Return a trainer that writes its checkpoints beside the output."""
    batch = min(options.batch_size, len(training))
    accelerated = torch.accelerator.is_available()
    arguments = TrainingArguments(
        output_dir=str(checkpoints.folder(options.output)),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        learning_rate=options.peak,
        weight_decay=WEIGHT_DECAY,
        seed=options.seed,
        use_cpu=not accelerated,
        bf16=native_bf16(),
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="top_1",
        greater_is_better=True,
        logging_steps=max(1, len(training) // batch // LOGS),
        disable_tqdm=True,
        report_to="none",
        label_names=["labels"],
        remove_unused_columns=False,
        restore_callback_states_from_checkpoint=True,
        average_tokens_across_devices=False,
        dataloader_drop_last=True,  # statistics of a few pictures would be noise
        dataloader_num_workers=min(MAX_LOADERS, available_cpus(), len(training) // PER_LOADER),
        dataloader_pin_memory=accelerated,
    )
    return NetworkTrainer(
        network.to(memory_format=torch.channels_last),  # convolutions are up to twice as fast
        arguments,
        train_dataset=training,
        eval_dataset=validation,
        compute_loss_func=_loss,
        compute_metrics=_accuracies,
        callbacks=[EarlyStoppingCallback(options.patience)],
        say=say,
    )


def native_bf16() -> bool:
    """Return whether this machine's GPU, or else its CPU, computes in bf16 natively."""
    if torch.accelerator.is_available():
        cuda = torch.cuda.is_available()
        return cuda and bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ARG001
    return cross_entropy(outputs.logits.float(), labels, label_smoothing=SMOOTHING)


def _accuracies(evaluation: Any) -> dict[str, float]:
    logits, actual = evaluation.predictions, np.asarray(evaluation.label_ids)
    return {f"top_{k}": top_k_accuracy(logits, actual, k) for k in (1, 5)}


def _averaged(
    average: torch.Tensor, current: torch.Tensor, steps: torch.Tensor | int
) -> torch.Tensor:
    """Return the new average; over the first steps it is shorter, or it would be the beginning.

    The warm-up is that of TensorFlow's ExponentialMovingAverage.
    """
    decay = min(DECAY, (1 + int(steps)) / (10 + int(steps)))
    return average + (1 - decay) * (current - average)
