"""Preparing what is damaged, or to where there is no room: one line, and nothing left behind."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from inference_app.errors import PreparedModelError
from inference_app.prepare import prepare_model
from inference_app.prepare.preparation import Preparation
from tests.prepare.conftest import CommandLine, complaint, contents, names, save_tiny_resnet


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def not_json(file: Path) -> None:
    file.write_text("{")


def bad_processor(file: Path) -> None:
    file.write_text(json.dumps({"image_processor_type": "PerceiverImageProcessor"}))


def without_head(file: Path) -> None:
    weights = load_file(file)
    body = {name: tensor for name, tensor in weights.items() if "classifier" not in name}
    save_file(body, file, {"format": "pt"})


@pytest.mark.parametrize(
    ("file", "damage", "why"),
    [
        ("config.json", Path.unlink, "has no config.json"),
        ("config.json", not_json, "config.json cannot be read"),
        ("config.json", truncate, "config.json cannot be read"),
        ("model.safetensors", Path.unlink, "has no weights in safetensors format"),
        ("model.safetensors", truncate, "tiny cannot be loaded: "),
        ("model.safetensors", empty, "tiny cannot be loaded: "),
        ("model.safetensors", without_head, "tiny has no weights for classifier.1.bias (2 missing"),
        ("preprocessor_config.json", Path.unlink, "has no image processor"),
        ("preprocessor_config.json", not_json, "has no image processor"),
        ("preprocessor_config.json", bad_processor, "crops more than it has resized to"),
    ],
)
def test_a_damaged_source_is_one_line_and_changes_nothing(
    prepare: CommandLine,
    source: Path,
    held: Path,
    file: str,
    damage: Callable[[Path], None],
    why: str,
) -> None:
    before = contents(held)
    damage(source / file)
    assert why in complaint(prepare.here(source))
    assert contents(held) == before
    assert names(held.parent) == ["tiny"]


def test_counters_of_training_may_be_missing(source: Path, tmp_path: Path) -> None:
    """As in checkpoints from before they existed."""
    file = source / "model.safetensors"
    weights = load_file(file)
    old = {name: each for name, each in weights.items() if "num_batches_tracked" not in name}
    assert len(old) < len(weights)
    save_file(old, file, {"format": "pt"})
    prepare_model(Preparation(str(source), "old"), tmp_path / "out", print)


@pytest.mark.parametrize("path", ["./nothing", "nothing/at/all", "~nobody/model"])
def test_a_path_to_nothing_is_one_line(prepare: CommandLine, path: str) -> None:
    assert complaint(prepare(path)) == f"there is no folder or file {path}"


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (".", "exists and is not a prepared model"),
        ("file", "cannot be written: Not a directory"),
        ("file/below", "cannot be written: File exists"),
        ("/proc/below", "cannot be written: No such file or directory"),
    ],
)
def test_an_output_that_cannot_be(
    prepare: CommandLine, source: Path, output: str, why: str
) -> None:
    (prepare.folder / "file").write_text("not to be touched")
    assert why in complaint(prepare(source, "--output", output))
    assert names(prepare.folder) == ["file", "tiny"]
    assert (prepare.folder / "file").read_text() == "not to be touched"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Mount a disk of 8 MB, or where one may not, return what limits the size of files."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield disk, () if mounted else ("prlimit", "--fsize=8000000")
    if mounted:
        subprocess.run(["umount", disk], check=True)


def large_network(source: Path) -> None:
    save_tiny_resnet(source, hidden_sizes=[8, 1024])


def large_card(source: Path) -> None:
    (source / "README.md").write_bytes(b"card" * 3_000_000)


@pytest.mark.parametrize("large", [large_network, large_card])
def test_a_full_disk(
    prepare: CommandLine,
    source: Path,
    prepared_tiny: Path,
    small_disk: tuple[Path, tuple[str, ...]],
    large: Callable[[Path], None],
) -> None:
    disk, limit = small_disk
    held = Path(shutil.copytree(prepared_tiny, disk / "tiny"))
    before = contents(held)
    large(source)
    why = complaint(prepare(source, "--output", held, before=limit))
    assert str(disk) in why
    assert "cannot be written: " in why
    assert contents(held) == before
    assert names(disk) == ["tiny"]


@pytest.mark.parametrize(
    "step",
    [
        "inference_app.prepare.convert.write_json",
        "inference_app.prepare.network.write",
        "inference_app.model.prepared.write_json",
        "shutil.copyfile",
    ],
)
def test_a_disk_that_fills_up_at_any_step(
    monkeypatch: pytest.MonkeyPatch, source: Path, held: Path, step: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = contents(held)
    (source / "README.md").write_text("A card")
    monkeypatch.setattr(step, full)
    with pytest.raises(PreparedModelError, match=f"^{held} cannot be written: No space left on"):
        prepare_model(Preparation(str(source), "tiny"), held, print)
    assert contents(held) == before
    assert names(held.parent) == ["tiny"]
