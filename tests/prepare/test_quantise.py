"""A network in int8: what its manifest says of it is true, and a bad one is refused."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import openvino
import pytest
import safetensors.torch
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.model import image, prepared
from inference_app.model.activation import softmax
from inference_app.model.engine import load_engine
from inference_app.prepare import prepare_model
from inference_app.prepare.calibration import Pictures
from inference_app.prepare.preparation import Preparation
from tests.conftest import REPO
from tests.prepare.conftest import CommandLine, complaint, contents, names
from tests.support.readme import commands


@pytest.fixture(scope="module")
def quantised(tiny: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "tiny"
    asked = Preparation(str(tiny), "tiny", precision="int8", pictures=drawn)
    prepare_model(asked, folder, print)
    return folder


def scores(folder: Path, files: list[Path]) -> NDArray[np.float32]:
    """Return the scores that a server would give."""
    model = prepared.read(folder)
    engine = load_engine(model, 1)
    pixels = (image.decode(file.read_bytes(), model.preprocessing, Settings()) for file in files)
    return softmax(np.stack([engine.infer(each[np.newaxis])[0] for each in pixels]))


def test_the_manifest_tells_what_int8_changed(
    quantised: Path, prepared_tiny: Path, drawn: Path
) -> None:
    model = prepared.read(quantised)
    held_out = Pictures.choose(drawn, model.preprocessing).held_out
    ours, theirs = scores(quantised, held_out), scores(prepared_tiny, held_out)
    differences = np.abs(ours - theirs).max(axis=1)
    found = model.manifest["quantisation"]
    assert (found["calibrated_on"], found["checked_on"]) == (100, 200)
    same = ours.argmax(axis=1) == theirs.argmax(axis=1)
    assert found["agreement"] == pytest.approx(same.mean(), abs=0.006)  # one picture
    assert found["max_score_difference"] == pytest.approx(differences.max(), rel=0.1)
    assert found["mean_score_difference"] == pytest.approx(differences.mean(), rel=0.1)
    assert found["in_fp32"] == ["first layer", "last layer"]
    assert 0 < differences.mean() < differences.max()


def kinds(folder: Path) -> Counter[str]:
    """Count the network's operations."""
    network = openvino.Core().read_model(folder / "model.xml")
    assert network.input().element_type == openvino.Type.u8
    assert str(network.input().partial_shape) == "[?,32,32,3]"
    return Counter(each.get_type_name() for each in network.get_ops())


def test_the_network_is_in_int8_and_takes_pictures_as_before(
    quantised: Path, prepared_tiny: Path
) -> None:
    assert prepared.read(quantised).precision == "int8"
    assert kinds(quantised)["FakeQuantize"] > 0 == kinds(prepared_tiny)["FakeQuantize"]
    assert names(quantised) == names(prepared_tiny)


def spoil(source: Path) -> None:
    """Make one channel of each block a million times as large, and weigh it by as much less.

    In fp32 that changes nothing. In int8 one scale must do for all channels of a layer.
    """
    file = source / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    for name, tensor in tensors.items():
        if name.endswith(("layer.0.normalization.weight", "layer.0.normalization.bias")):
            tensor[0] *= 1e6
        if name.endswith("layer.1.convolution.weight"):
            tensor[:, 0] /= 1e6
    safetensors.torch.save_file(tensors, file, {"format": "pt"})


def test_a_network_that_int8_does_not_suit_is_refused(
    prepare: CommandLine, source: Path, held: Path, drawn: Path
) -> None:
    spoil(source)
    before = contents(held)
    why = complaint(prepare.here(source, "--precision", "int8", "--pictures", drawn))
    assert "in int8 the network names the same class as in fp32 for" in why
    assert why.endswith("or prepare it with --precision auto")
    assert contents(held) == before
    assert names(held.parent) == ["tiny"]


@pytest.mark.parametrize(
    ("options", "what_to_do"),
    [
        ((), "add --pictures FOLDER"),
        (("--engine", "torch", "--pictures", "."), "or choose --precision auto"),
    ],
    ids=["no pictures", "torch"],
)
def test_what_int8_needs_is_said_at_once(
    prepare: CommandLine, source: Path, options: tuple[str, ...], what_to_do: str
) -> None:
    why = complaint(prepare.here(source, "--precision", "int8", *options))
    assert why.endswith(what_to_do)
    assert not (prepare.folder / "models").exists()


def test_without_nncf_it_says_what_to_install(
    prepare: CommandLine, source: Path, drawn: Path
) -> None:
    run = prepare.without("nncf", source, "--precision", "int8", "--pictures", drawn)
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1].startswith("nncf is not installed here")


def test_the_documented_command_prints_the_folder_alone_and_reports_nothing_home(
    prepare: CommandLine, tiny: Path, drawn: Path, tmp_path: Path
) -> None:
    """NNCF writes to stdout; it and OpenVINO import a package that reports, if it is there."""
    package = tmp_path / "path" / "openvino_telemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    path = f"{package.parent}{os.pathsep}{REPO}"
    (documented,) = commands("docs/models.md")["int8"]
    _, _, _, _, model, *options = documented.split()
    assert (model, options[3]) == ("microsoft/resnet-50", "photos")
    run = prepare(tiny, *options[:3], drawn, *options[4:], PYTHONPATH=path)
    assert (run.returncode, run.stdout) == (0, "models/resnet-50-int8\n"), run.stderr
    assert "200 held-out pictures" in run.stderr
    assert not (tmp_path / "imported").exists()
