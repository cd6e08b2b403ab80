"""Preparing as a whole, through the command line: what it writes, and when it does."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference_app.errors import PrepareError
from inference_app.model import prepared
from inference_app.prepare import is_prepared, prepare_model
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.preparation import Preparation
from tests.conftest import ESPRESSO
from tests.prepare.conftest import CommandLine, complaint, contents, names


def test_a_prepared_model_says_what_it_is(tiny: Path, prepared_tiny: Path) -> None:
    model = prepared.read(prepared_tiny)
    assert (model.name, model.precision, len(model.labels)) == ("tiny", "fp32", 3)
    assert set(model.manifest["versions"]) == {"openvino", "torch", "transformers"}
    assert str(tiny.parent) not in (prepared_tiny / "manifest.json").read_text()
    assert sorted(model.manifest["files"]) == [
        "labels.json",
        "model.bin",
        "model.xml",
        "preprocessing.json",
    ]


def test_two_preparations_of_one_commit_are_the_same_to_the_byte(
    prepare: CommandLine, tiny: Path
) -> None:
    folders = [prepare.folder / name for name in ("one", "two")]
    for folder in folders:
        options = ("--output", folder, "--name", "tiny", "--precision", "fp32")
        run = prepare(tiny, *options, SOURCE_DATE_EPOCH="1000000000")
        assert run.returncode == 0, run.stderr
    assert prepared.read(folders[0]).manifest["created"] == "2001-09-09"
    assert contents(folders[0]) == contents(folders[1])


# What a second run, without torch, ends with: it is prepared already, or it would prepare.
PREPARED, PREPARES = 0, 3


@pytest.fixture
def second_run(prepare: CommandLine, source: Path, held: Path) -> Callable[..., int]:
    """Return a second run for the prepared model; it returns the exit status."""

    def run(*options: str) -> int:
        before = contents(held)
        ended = prepare.without("torch", source, *(options or ("--precision", "fp32")))
        assert contents(held) == before
        assert ended.stdout == ("models/tiny\n" if ended.returncode == PREPARED else "")
        return ended.returncode

    return run


def test_a_second_run_does_nothing(second_run: Callable[..., int]) -> None:
    assert second_run() == PREPARED


@pytest.mark.parametrize(
    "other",
    [
        ("--precision", "bf16"),
        ("--precision", "fp32", "--engine", "torch"),
        ("--precision", "fp32", "--name", "other", "--output", "models/tiny"),
    ],
    ids=str,
)
def test_another_wish_is_prepared_again(
    second_run: Callable[..., int], other: tuple[str, ...]
) -> None:
    assert second_run(*other) == PREPARES


def test_a_changed_source_is_prepared_again(second_run: Callable[..., int], source: Path) -> None:
    (source / "README.md").write_text("A new card")
    assert second_run() == PREPARES


@pytest.mark.parametrize("file", ["model.bin", "labels.json", "manifest.json"])
def test_a_damaged_model_is_prepared_again(
    second_run: Callable[..., int], held: Path, file: str
) -> None:
    (held / file).write_bytes(b"damage")
    assert second_run() == PREPARES


def test_prepared_again_means_replaced(source: Path, held: Path) -> None:
    (source / "README.md").write_text("A card")
    asked = Preparation(str(source), "tiny", precision="bf16")
    prepare_model(asked, held, print)
    assert is_prepared(held, asked)
    assert (held / "README.md").read_text() == "A card"
    assert names(held.parent) == ["tiny"]


def test_other_pictures_are_compared_again(source: Path, held: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(ESPRESSO, pictures)
    asked = Preparation(str(source), "tiny", precision="fp32", pictures=pictures)
    assert not is_prepared(held, asked)  # it was compared on drawn ones
    prepare_model(asked, held, print)
    assert is_prepared(held, asked)
    assert is_prepared(held, replace(asked, pictures=None))
    dead_leaves((64, 64), 1).save(pictures / "another.png")
    assert not is_prepared(held, asked)


def test_pictures_that_cannot_be_read_are_named(source: Path, held: Path) -> None:
    asked = Preparation(str(source), "tiny", precision="fp32", pictures=Path("nowhere"))
    with pytest.raises(PrepareError, match="nowhere cannot be read: No such file"):
        is_prepared(held, asked)


@pytest.mark.parametrize("package", ["torch", "transformers", "timm"])
def test_missing_packages_have_a_status_of_their_own(
    prepare: CommandLine, source: Path, package: str
) -> None:
    run = prepare.without(package, source)
    assert (run.returncode, run.stdout) == (3, "")
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"{package} is not installed here")
    assert last.endswith("requirements/install.sh prepare")
    assert "error" not in run.stderr
    assert names(prepare.folder / "models") == []


def test_without_the_hubs_package_a_folder_is_still_fetched(
    prepare: CommandLine, tmp_path: Path
) -> None:
    run = prepare.without("huggingface_hub", "acme/tiny")
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1].startswith("huggingface_hub is not installed here")
    (tmp_path / "empty").mkdir()
    assert "no config.json" in complaint(prepare.without("huggingface_hub", "./empty"))
