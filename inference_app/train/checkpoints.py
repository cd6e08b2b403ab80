"""What a training that was interrupted goes on from: ``OUTPUT.training/``.

plan.json        the settings, the model and the pictures
checkpoint-N/    the state after N steps: transformers' files, and average.pt, written last
result/          the trained model, until it becomes OUTPUT
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from inference_app.errors import UserError
from inference_app.model import prepared

AVERAGE = "average.pt"
# How many times the weights are on the disk: as they are, Adam's two moments and the average, in
# the best checkpoint, the last one and the one that is being written; and the result.
_COPIES = 4 * 3 + 1
# What Python and safetensors, and what torch says of a full disk.
_FULL = ("No space left", "File too large", "unexpected pos", "failed writing")


def folder(output: Path) -> Path:
    """Return the folder of a training's checkpoints."""
    output = output.resolve()
    return output.with_name(output.name + ".training")


def check_output(output: Path) -> None:
    """Raise UserError if `output` holds anything: a training takes too long to overwrite."""
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise UserError(f"{output} exists already; choose another --output, or remove it")


def begin(output: Path, plan: dict[str, Any], network: torch.nn.Module) -> Path:
    """Return the folder of the checkpoints, made ready to start or to go on.

    Raises UserError if it has those of another training, or if they cannot be written.
    """
    where = folder(output)
    try:
        where.mkdir(parents=True, exist_ok=True)
        _check_plan(where, plan)
        if not last(where):
            _check_space(where, network)
    except OSError as error:
        raise UserError(f"{where} cannot be written: {error.strerror}") from error
    return where


def _check_plan(where: Path, plan: dict[str, Any]) -> None:
    file = where / "plan.json"
    if not file.exists():
        if any(path.suffix != ".new" for path in where.iterdir()):
            raise UserError(f"{where} holds something else; choose another --output, or remove it")
        new = file.with_suffix(".new")
        prepared.write_json(new, plan)
        new.replace(file)
    held = json.loads(file.read_text("utf-8"))
    if differ := [key for key in plan if plan[key] != held.get(key)]:
        raise UserError(
            f"{where} holds a training that differs in {', '.join(differ)}. "
            "Go on with what it had, or remove it to start anew"
        )


def _check_space(where: Path, network: torch.nn.Module) -> None:
    size = sum(each.nbytes for each in network.state_dict().values())
    needed, free = _COPIES * size, shutil.disk_usage(where).free
    if free < needed:
        raise UserError(
            f"{where}: checkpoints need {needed / 1e6:.0f} MB, and the disk has "
            f"{free / 1e6:.0f} MB left. Make room, or choose another --output"
        )


def last(where: Path) -> Path | None:
    """Return the last complete checkpoint, and remove those that were not written to the end."""
    found = sorted(where.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in found:
        if not (path / AVERAGE).exists():
            shutil.rmtree(path)
    return next((path for path in reversed(found) if path.exists()), None)


def complete(where: Path, step: int, best_step: int, average: dict[str, Any]) -> None:
    """Write the last file of a checkpoint: with it, and never without, the checkpoint counts.

    Then those before are removed, except for the best one.
    """
    file = where / f"checkpoint-{step}" / AVERAGE
    new = file.with_suffix(".new")
    torch.save(average, new)
    new.replace(file)
    for path in where.glob("checkpoint-*"):
        if path.name not in (f"checkpoint-{step}", f"checkpoint-{best_step}"):
            (path / AVERAGE).unlink(missing_ok=True)  # first: what is left does not count
            shutil.rmtree(path)


def average(checkpoint: Path) -> dict[str, Any]:
    """Return the state of the averaged weights."""
    state: dict[str, Any] = torch.load(checkpoint / AVERAGE, "cpu", weights_only=True)
    return state


def state(checkpoint: Path) -> dict[str, Any]:
    """Return how far a checkpoint came, as transformers' TrainerState writes it."""
    found: dict[str, Any] = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    return found


def is_final(checkpoint: Path) -> bool:
    """Return whether training was stopped early after this checkpoint."""
    control = state(checkpoint)["stateful_callbacks"]["TrainerControl"]["args"]
    return bool(control["should_training_stop"])


def best(checkpoint: Path) -> Path:
    """Return the checkpoint with the best figures up to this one."""
    return checkpoint.with_name(f"checkpoint-{state(checkpoint)['best_global_step']}")


@contextmanager
def explaining(where: Path) -> Iterator[None]:
    """Turn what stops a training on a machine that is too small into a UserError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        why = "the GPU's memory is too small. Choose a smaller --batch-size"
        raise UserError(why) from error
    except (OSError, RuntimeError, SafetensorError) as error:
        if any(words in str(error) for words in _FULL):
            free = shutil.disk_usage(where).free / 1e6
            raise UserError(
                f"{where} cannot be written: its disk has {free:.0f} MB left. Make room, and run "
                "the command again to go on"
            ) from error
        if isinstance(error, OSError):  # one that comes from another process ends with its reason
            why = str(error).strip().splitlines()[-1]
            raise UserError(f"training stopped: {why}. The same command goes on") from error
        raise


def publish(where: Path, output: Path) -> None:
    """Let the result become the output, and remove the checkpoints."""
    (where / "result").replace(output)
    shutil.rmtree(where)
