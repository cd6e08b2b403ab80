"""What is written for each engine, and what is said of a network that one of them cannot run."""

from dataclasses import replace
from pathlib import Path

import pytest

from inference_app.errors import PrepareError
from inference_app.model import prepared
from inference_app.prepare import huggingface
from inference_app.prepare.convert import convert
from inference_app.prepare.original import Original
from inference_app.prepare.preparation import Preparation
from inference_app.prepare.source import fetch
from tests.prepare.conftest import CommandLine, names
from tests.prepare.test_network import Undecided


@pytest.fixture(scope="module")
def original(tiny: Path) -> Original:
    return huggingface.load(fetch(str(tiny), None))


def converted(original: Original, folder: Path, engine: str) -> None:
    convert(original, folder, Preparation("", "tiny", precision="fp32", engine=engine), print)


def test_the_environment_may_name_the_engine(
    prepare: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE", "torch")
    done = prepare.here(tiny, "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    model = prepared.read(prepare.folder / "models" / "tiny")
    assert model.engine == "torch"
    assert model.manifest["parity"]["classes_agreed"] == 16
    assert str(tiny.parent) not in (model.folder / "config.json").read_text()


def test_what_openvino_cannot_run_is_referred_to_torch(original: Original, tmp_path: Path) -> None:
    undecided = replace(original, network=Undecided())
    with pytest.raises(PrepareError, match=r"cannot be converted: .*--engine torch"):
        converted(undecided, tmp_path, "openvino")


def test_what_torch_cannot_load_is_not_referred_to_it(original: Original, tmp_path: Path) -> None:
    undecided = replace(original, network=Undecided(), save=None)
    with pytest.raises(PrepareError, match="cannot be converted: ") as refusal:
        converted(undecided, tmp_path, "openvino")
    assert "torch" not in str(refusal.value)


def test_a_file_of_torchvisions_is_not_for_torch(original: Original, tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="only models in Hugging Face format"):
        converted(replace(original, save=None), tmp_path, "torch")
    assert "model.safetensors" not in names(tmp_path)
