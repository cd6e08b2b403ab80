"""The schedule, the average of the weights and what is said, in transformers' Trainer."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from inference_app.errors import UserError
from inference_app.prepare.source import fetch
from inference_app.train import checkpoints
from inference_app.train.options import Options
from inference_app.train.pixels import to_train, to_validate
from inference_app.train.split import split
from inference_app.train.start import Start
from inference_app.train.trainer import DECAY, NetworkTrainer, trainer
from tests.train.small import options


class Watch(TrainerCallback):  # type: ignore[misc]
    """Keeps the weights and the learning rate after each step."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []
        self.rates: list[float] = []

    def on_step_end(self, *_: Any, model: Any, lr_scheduler: Any, **__: Any) -> None:
        """Take a copy."""
        self.weights.append(copy.deepcopy(model.state_dict()))
        self.rates.append(lr_scheduler.get_last_lr()[0])


def make(given: Options, said: list[str]) -> NetworkTrainer:
    start = Start.of(fetch(given.model, None))
    data = split(given.data, start.labels, start.preprocessing, said.append)
    network = start.network(data.labels, given.from_scratch, said.append)
    training = to_train(data.training, start.preprocessing, given.flip)
    validation = to_validate(data.validation, start.preprocessing)
    return trainer(network, training, validation, given, said.append)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[NetworkTrainer, Watch, list[str]]:
    said: list[str] = []
    watch = Watch()
    ours = make(options(tmp_path_factory.mktemp("trained"), epochs=3), said)
    ours.add_callback(watch)
    ours.train()
    return ours, watch, said


def test_the_learning_rate_makes_one_cycle(
    trained: tuple[NetworkTrainer, Watch, list[str]],
) -> None:
    rates = trained[1].rates[:-1]  # after the last step nothing is left to train
    peak = rates.index(max(rates))
    assert 0 < peak < len(rates) / 2
    assert max(rates) == pytest.approx(0.01, rel=0.2)
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)
    assert rates[-1] < 0.002


def test_the_average_is_that_of_the_weights_after_all_steps(
    trained: tuple[NetworkTrainer, Watch, list[str]],
) -> None:
    ours, watch, _ = trained
    for name in ("classifier.1.weight", "resnet.embedder.embedder.normalization.running_mean"):
        average = watch.weights[0][name].clone()
        for step, weights in enumerate(watch.weights[1:], start=1):
            decay = min(DECAY, (1 + step) / (10 + step))
            average = decay * average + (1 - decay) * weights[name]
        found = ours.average.module.state_dict()[name]
        assert torch.allclose(found, average, atol=1e-5)
        assert not torch.allclose(found, watch.weights[-1][name], atol=1e-4)


def test_the_average_is_what_is_evaluated(
    trained: tuple[NetworkTrainer, Watch, list[str]],
) -> None:
    ours = trained[0]
    network: Any = copy.deepcopy(ours.average.module)
    pictures: Any = ours.eval_dataset
    with torch.no_grad():
        pixels = torch.stack([each["pixel_values"] for each in pictures])
        logits = network.float().eval()(pixel_values=pixels).logits
    actual = torch.tensor([each["labels"] for each in pictures])
    metrics = ours.state.log_history[-2]
    assert metrics["eval_top_1"] == pytest.approx((logits.argmax(1) == actual).float().mean())
    loss = torch.nn.functional.cross_entropy(logits, actual)
    assert metrics["eval_loss"] == pytest.approx(loss.item(), abs=1e-4)


def test_each_checkpoint_holds_its_average(
    trained: tuple[NetworkTrainer, Watch, list[str]],
) -> None:
    ours = trained[0]
    last = checkpoints.last(Path(ours.args.output_dir))
    assert last
    held = checkpoints.average(last)
    assert held.keys() == ours.average.state_dict().keys()
    assert all(torch.equal(held[name], now) for name, now in ours.average.state_dict().items())


def test_loss_and_accuracy_are_said(trained: tuple[NetworkTrainer, Watch, list[str]]) -> None:
    said = trained[2]
    assert sum(": loss " in line for line in said) >= 4
    assert [line[:21] for line in said if "held-out loss" in line] == [
        f"epoch {epoch} of 3 done: he" for epoch in (1, 2, 3)
    ]


def test_training_that_gains_nothing_stops_early(tmp_path: Path) -> None:
    ours = make(options(tmp_path, epochs=9, patience=1, learning_rate=1e-9), [])
    ours.train()
    assert ours.state.epoch == 2
    last = checkpoints.last(Path(ours.args.output_dir))
    assert last
    assert checkpoints.is_final(last)
    assert checkpoints.best(last) != last


def test_training_that_diverges_is_an_error(tmp_path: Path) -> None:
    ours = make(options(tmp_path, learning_rate=1e30), [])
    with pytest.raises(
        UserError, match=r"diverged in epoch 1: choose a smaller --learning-rate than 1e"
    ):
        ours.train()


def test_a_batch_may_be_larger_than_all_pictures(tmp_path: Path) -> None:
    ours = make(options(tmp_path, epochs=1, batch_size=5000), [])
    ours.train()
    assert ours.state.global_step == 1
