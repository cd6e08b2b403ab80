"""Prepared models on disk: read, damaged, written."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference_app.config import BUNDLED_MODEL
from inference_app.errors import PreparedModelError
from inference_app.model import prepared
from inference_app.model.preprocessing import Preprocessing

FILES = ["README.md", "labels.json", "model.bin", "model.xml", "preprocessing.json"]


def edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest in place."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    edit(manifest)
    prepared.write_json(folder / "manifest.json", manifest)


def reseal(folder: Path) -> None:
    """Write the manifest anew, as if the files had always been as they are."""
    facts = json.loads((folder / "manifest.json").read_text("utf-8"))
    del facts["files"], facts["format"]
    (folder / "manifest.json").unlink()
    prepared.write_manifest(folder, **facts)


def test_the_bundled_model_is_whole() -> None:
    model = prepared.read(BUNDLED_MODEL)
    assert (model.folder, model.name) == (BUNDLED_MODEL, model.manifest["name"])
    assert model.precision in ("auto", "fp32", "bf16")
    assert sorted(model.manifest["files"]) == FILES
    manifest = (BUNDLED_MODEL / "manifest.json").read_bytes()
    assert model.digest == hashlib.sha256(manifest).hexdigest()[:12]
    assert ("n07920052", "espresso") in model.labels
    assert isinstance(model.preprocessing, Preprocessing)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_noticed(model_folder: Path, name: str) -> None:
    content = bytearray((model_folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model_folder / name).write_bytes(content)
    with pytest.raises(PreparedModelError, match=rf"{name} is not the file that was prepared"):
        prepared.read(model_folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(model_folder: Path, name: str) -> None:
    (model_folder / name).unlink()
    with pytest.raises(PreparedModelError, match=rf"{name} cannot be read: No such file"):
        prepared.read(model_folder)


def test_a_folder_without_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PreparedModelError, match=r"no manifest\.json.*prepare MODEL_ID"):
        prepared.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_a_manifest_that_is_no_json_is_refused(model_folder: Path, text: str) -> None:
    (model_folder / "manifest.json").write_text(text)
    with pytest.raises(PreparedModelError, match=r"manifest\.json cannot be read"):
        prepared.read(model_folder)


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"format": 1}', '{"format": 3}'])
def test_a_manifest_of_another_format_is_refused(model_folder: Path, text: str) -> None:
    (model_folder / "manifest.json").write_text(text)
    with pytest.raises(PreparedModelError, match="another format"):
        prepared.read(model_folder)


@pytest.mark.parametrize("key", ["name", "precision", "activation", "files"])
def test_a_manifest_that_lacks_what_serving_needs_is_refused(model_folder: Path, key: str) -> None:
    edit_manifest(model_folder, lambda manifest: manifest.pop(key))
    with pytest.raises(PreparedModelError, match=key):
        prepared.read(model_folder)


@pytest.mark.parametrize("name", sorted(prepared.FILES | prepared.NETWORKS["openvino"]))
def test_a_manifest_vouches_for_every_file(model_folder: Path, name: str) -> None:
    edit_manifest(model_folder, lambda manifest: manifest["files"].pop(name))
    with pytest.raises(PreparedModelError, match=name):
        prepared.read(model_folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", "{}x"),
        ("labels.json", '[{"class_id": "n1"}]'),
        ("labels.json", '["tabby"]'),
        ("labels.json", "7"),
        ("preprocessing.json", "{}"),
        ("preprocessing.json", "[]"),
        ("preprocessing.json", '{"resize": null}'),
    ],
)
def test_a_file_that_makes_no_sense_is_damage(model_folder: Path, name: str, text: str) -> None:
    (model_folder / name).write_text(text)
    reseal(model_folder)
    with pytest.raises(PreparedModelError, match=r"is damaged .* prepare it again"):
        prepared.read(model_folder)


def test_an_error_is_one_line(model_folder: Path) -> None:
    (model_folder / "labels.json").write_text("[\n\n")
    reseal(model_folder)
    with pytest.raises(PreparedModelError) as refused:
        prepared.read(model_folder)
    assert "\n" not in str(refused.value)


def test_a_manifest_seals_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")
    prepared.write_manifest(tmp_path, name="né")
    assert "né" in (tmp_path / "manifest.json").read_text("utf-8")
    assert prepared.read_manifest(tmp_path) == {
        "format": 2,
        "name": "né",
        "files": {"a.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    }


def test_a_model_appears_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "new"
    with prepared.writing(folder) as new:
        (new / "manifest.json").write_text("new")
        assert not folder.exists()
    assert (folder / "manifest.json").read_text() == "new"
    assert list(folder.parent.iterdir()) == [folder]


def write_and_fail(folder: Path) -> None:
    """Begin to write a model, and fail."""
    with prepared.writing(folder) as new:
        (new / "manifest.json").write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("before", [True, False])
def test_a_failure_leaves_all_as_it_was(tmp_path: Path, before: bool) -> None:
    folder = tmp_path / "model"
    if before:
        folder.mkdir()
        (folder / "manifest.json").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(folder)
    assert [path.name for path in tmp_path.rglob("*")] == (
        ["model", "manifest.json"] if before else []
    )
    assert not before or (folder / "manifest.json").read_text() == "old"


def test_a_model_that_was_there_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for text in ("old", "new"):
        with prepared.writing(folder) as new:
            (new / "manifest.json").write_text(text)
            (new / text).touch()
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_an_empty_folder_may_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with prepared.writing(tmp_path / "model") as new:
        (new / "file").touch()
    assert (tmp_path / "model" / "file").exists()


def test_a_disk_that_is_full_is_the_user_s_to_mend(tmp_path: Path) -> None:
    with (
        pytest.raises(PreparedModelError, match=r"model cannot be written: No space left"),
        prepared.writing(tmp_path / "model"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_no_folder_is_the_user_s_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PreparedModelError, match="cannot be written"),
        prepared.writing(tmp_path / "file" / "model"),
    ):
        pass


def test_a_folder_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(PreparedModelError, match="is not a prepared model; choose another"),
        prepared.writing(tmp_path),
    ):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_an_unknown_activation_is_refused(model_folder: Path) -> None:
    edit_manifest(model_folder, lambda manifest: manifest.update(activation="softmin"))
    with pytest.raises(PreparedModelError, match="unknown activation softmin"):
        prepared.read(model_folder)
