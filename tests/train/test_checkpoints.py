"""What a training goes on from, and what it refuses to overwrite."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from inference_app.errors import UserError
from inference_app.train import checkpoints

NETWORK = torch.nn.Linear(1000, 250)  # 1 MB
PLAN = {"epochs": 3, "seed": 0}


def checkpoint(where: Path, step: int, best: int = 10) -> Path:
    path = where / f"checkpoint-{step}"
    path.mkdir(parents=True)
    state = {"best_global_step": best, "stateful_callbacks": {}}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def test_a_checkpoint_without_its_last_file_is_removed(tmp_path: Path) -> None:
    for step in (10, 20):
        checkpoint(tmp_path, step)
        checkpoints.complete(tmp_path, step, 10, NETWORK.state_dict())
    checkpoint(tmp_path, 100)
    (tmp_path / "checkpoint-100" / "average.new").write_bytes(b"half")
    last = checkpoints.last(tmp_path)
    assert last == tmp_path / "checkpoint-20"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-20"]
    assert torch.equal(checkpoints.average(last)["weight"], NETWORK.weight)
    assert checkpoints.best(last) == tmp_path / "checkpoint-10"


def test_the_best_and_the_last_checkpoint_are_kept(tmp_path: Path) -> None:
    for step, best in ((10, 10), (20, 20), (30, 20), (40, 20)):
        checkpoint(tmp_path, step)
        checkpoints.complete(tmp_path, step, best, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-20", "checkpoint-40"]


def test_a_checkpoint_whose_removal_was_interrupted_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path, 10)
    checkpoints.complete(tmp_path, 10, 10, {})
    checkpoint(tmp_path, 20)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda _: None)
        checkpoints.complete(tmp_path, 20, 20, {})
    assert (tmp_path / "checkpoint-10").exists()
    shutil.rmtree(tmp_path / "checkpoint-20")
    assert checkpoints.last(tmp_path) is None


def test_without_a_checkpoint_training_starts(tmp_path: Path) -> None:
    where = checkpoints.begin(tmp_path / "new", PLAN, NETWORK)
    assert where == tmp_path / "new.training"
    assert checkpoints.last(where) is None
    (where / "plan.new").write_text("{")
    assert checkpoints.begin(tmp_path / "new", PLAN, NETWORK) == where


def test_another_training_is_refused_and_kept(tmp_path: Path) -> None:
    where = checkpoints.begin(tmp_path / "new", PLAN, NETWORK)
    checkpoint(where, 10)
    with pytest.raises(UserError, match=r"holds a training that differs in epochs\. Go on with"):
        checkpoints.begin(tmp_path / "new", PLAN | {"epochs": 4}, NETWORK)
    assert (where / "checkpoint-10").exists()


def test_checkpoints_are_not_written_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "new.training").mkdir()
    (tmp_path / "new.training" / "thesis.txt").touch()
    with pytest.raises(UserError, match=r"new\.training holds something else"):
        checkpoints.begin(tmp_path / "new", PLAN, NETWORK)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        checkpoints.begin(tmp_path / "file" / "new", PLAN, NETWORK)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_exists_is_refused(tmp_path: Path, kind: str) -> None:
    checkpoints.check_output(tmp_path / "new")
    (tmp_path / "new").mkdir()
    checkpoints.check_output(tmp_path / "new")
    held = tmp_path / "new" / "thesis.txt"
    held.touch()
    with pytest.raises(UserError, match="exists already"):
        checkpoints.check_output(held if kind == "file" else held.parent)


def test_a_disk_that_is_too_small_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(20, 10, 10**7))
    with pytest.raises(UserError, match="need 13 MB, and the disk has 10 MB left"):
        checkpoints.begin(tmp_path / "new", PLAN, NETWORK)


def of_python() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"weights")


def of_torch() -> None:
    torch.save(NETWORK.state_dict(), "/dev/full")


def of_safetensors() -> None:  # which would replace /dev/full by a file
    raise SafetensorError("Error while serializing: I/O error: No space left on device")


@pytest.mark.parametrize("writing", [of_python, of_torch, of_safetensors])
def test_a_disk_that_fills_up_is_an_error_with_its_space(
    tmp_path: Path, writing: Callable[[], None]
) -> None:
    with (
        pytest.raises(UserError, match=r"disk has \d+ MB left\. Make room, and run the command"),
        checkpoints.explaining(tmp_path),
    ):
        writing()


def test_a_full_gpu_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--batch-size"), checkpoints.explaining(tmp_path):
        raise torch.OutOfMemoryError


def test_a_picture_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    with (
        pytest.raises(
            UserError, match=r"training stopped: .*gone\.png'\. The same command goes on"
        ),
        checkpoints.explaining(tmp_path),
    ):
        (tmp_path / "gone.png").read_bytes()


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), checkpoints.explaining(tmp_path):
        raise RuntimeError("shapes differ")


def test_the_result_becomes_the_output(tmp_path: Path) -> None:
    (tmp_path / "new.training" / "result").mkdir(parents=True)
    checkpoint(tmp_path / "new.training", 10)
    (tmp_path / "new.training" / "result" / "README.md").touch()
    checkpoints.publish(tmp_path / "new.training", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["README.md"]
