"""TorchServe's archives: those of its image_classifier, others, and hostile ones."""

import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import PrepareError
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.prepare import is_prepared, torchserve_archive
from inference_app.prepare.preparation import Preparation
from inference_app.prepare.torchserve_archive import MANIFEST, load
from tests.prepare.conftest import CommandLine
from tests.support.readme import commands

Members = dict[str, bytes | str]
CODE = '''
from torchvision.models.densenet import DenseNet


class ImageClassifier(DenseNet):
    """As in TorchServe's examples."""

    def __init__(self):
        super(ImageClassifier, self).__init__(32, (6, 12, 24, 16), 64, num_classes=3)

    def load_state_dict(self, state_dict, strict=True):
        return super().load_state_dict(state_dict, strict)
'''
NAMES = """{
    "0": ["n02123045", "tabby"],
    "1": ["n02085620", "Chihuahua"],
    "2": ["n01443537", "goldfish"]
}"""
NAMES_FILE = "index_to_name.json"
RESNET = """
from torchvision.models.resnet import Bottleneck, ResNet


class ImageClassifier(ResNet):
    def __init__(self):
        super(ImageClassifier, self).__init__(Bottleneck, [3, 4, 6, 3], num_classes=3)
"""


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = torchvision.models.densenet121(num_classes=3)
    return made.eval()


@pytest.fixture(scope="module")
def weights(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "densenet121.pth"
    torch.save(network.state_dict(), file)
    return file


def archive(file: Path, members: Members, **model: str | None) -> Path:
    """Write an archive as torch-model-archiver does; `model` changes its manifest."""
    described = {
        "modelName": "pets",
        "serializedFile": "densenet121.pth",
        "handler": "image_classifier",
        "modelFile": "model.py",
        "modelVersion": "1.0",
    } | model
    kept = {key: value for key, value in described.items() if value is not None}
    manifest = json.dumps({"runtime": "python", "model": kept, "archiverVersion": "0.12.0"})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zip_:
        for name, content in ({MANIFEST: manifest, "model.py": CODE} | members).items():
            large = len(content) > 10_000_000  # random weights, which do not get smaller
            zip_.writestr(name, content, zipfile.ZIP_STORED if large else None)
    return file


def refusal(file: Path) -> str:
    """Return the one line that an archive is refused with."""
    with pytest.raises(PrepareError) as refused:
        load(file, None)
    assert "\n" not in str(refused.value)
    assert str(file) in str(refused.value)
    return str(refused.value)


def test_an_archive_is_the_network_and_its_names(
    network: torch.nn.Module, weights: Path, tmp_path: Path
) -> None:
    members: Members = {
        "densenet121.pth": weights.read_bytes(),
        NAMES_FILE: NAMES,
    }
    original = load(archive(tmp_path / "pets.mar", members), None)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(original.network(pixels), network(pixels))
    assert original.labels[1] == {"class_id": "n02085620", "label": "Chihuahua"}


def test_names_may_come_from_elsewhere(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a\nb\nc")
    file = archive(tmp_path / "pets.mar", {"densenet121.pth": weights.read_bytes()})
    assert [each["label"] for each in load(file, tmp_path / "labels").labels] == ["a", "b", "c"]
    assert "has 3 classes: name them, in order, with --labels" in refusal(file)


def test_an_archive_is_prepared_and_served(
    tmp_path: Path, prepare: CommandLine, espresso: bytes
) -> None:
    """By the command that the page on migrating has, and once."""
    (command, *_) = commands("docs/migrating.md")["From TorchServe"]
    file, folder, labels = tmp_path / "resnet-50.mar", tmp_path / "models/resnet-50", tmp_path / "l"
    torch.save(torchvision.models.resnet50(num_classes=3).state_dict(), tmp_path / "weights")
    archive(file, {"densenet121.pth": (tmp_path / "weights").read_bytes(), "model.py": RESNET})
    labels.write_text("cat\ndog\nfish\n")
    assert command.endswith(" prepare resnet-50.mar")
    assert prepare.here("resnet-50.mar", "--labels", labels).returncode == 0
    model = prepared.read(folder)
    assert model.manifest["parity"]["classes_agreed"] == 16
    served = Settings(model_path=folder)
    client = create_app(served, Classifier.load(served)).test_client()
    answer = client.put("/predictions/resnet-50", data=espresso).json
    assert set(answer or ()) == {"cat", "dog", "fish"}

    asked = Preparation(str(file), "resnet-50")
    assert is_prepared(folder, asked)
    assert is_prepared(folder, replace(asked, labels=labels))
    labels.write_text("cat\ndog\nbird\n")
    assert not is_prepared(folder, replace(asked, labels=labels))


@pytest.mark.parametrize("handler", ["object_detector", "handler.py", None])
def test_other_handlers_are_refused(tmp_path: Path, handler: str | None) -> None:
    said = refusal(archive(tmp_path / "a.mar", {}, handler=handler))
    assert "is for the handler" in said
    assert "Archives for image_classifier are read; convert" in said


@pytest.mark.parametrize(
    "code",
    [
        "",
        "not Python",
        "(" * 10_000,
        "\0",
        CODE.replace("DenseNet", "Network"),
        CODE + "\n    def forward(self, x):\n        return x\n",
        CODE.replace("num_classes=3)", "num_classes=3)\n        self.relu = None"),
        CODE.replace("num_classes=3", "replace_stride_with_dilation=[1, 1, 1]"),
        CODE + "\n\nclass Other(DenseNet):\n    pass\n",
        CODE + "\n\nDenseNet.forward = None\n",
        CODE + "\n    forward = None\n",
        CODE.replace("from torchvision.models.densenet", "from mine"),
        CODE.replace("class Image", "@changed\nclass Image"),
        CODE.replace("    def __init__", "    @changed\n    def __init__"),
    ],
)
def test_networks_of_its_own_are_refused(tmp_path: Path, code: str) -> None:
    file = archive(tmp_path / "a.mar", {"model.py": code, "densenet121.pth": b""})
    assert "defines a network of its own in 'model.py'" in refusal(file)


def test_its_code_is_not_run(weights: Path, tmp_path: Path) -> None:
    run = f"open({str(tmp_path / 'ran')!r}, 'w')"
    code = CODE.replace("32, (6", f"{run}, (6") + f"        {run}\n"
    members: Members = {"model.py": code, "densenet121.pth": weights.read_bytes()}
    (tmp_path / "labels").write_text("a\nb\nc")
    load(archive(tmp_path / "a.mar", members), tmp_path / "labels")
    assert not (tmp_path / "ran").exists()


def test_torchscript_is_refused_with_the_way_out(tmp_path: Path) -> None:
    script = tmp_path / "model.pt"
    with zipfile.ZipFile(script, "w") as zip_:
        zip_.writestr("model/constants.pkl", b"")
    members: Members = {"model.pt": script.read_bytes()}
    file = archive(tmp_path / "a.mar", members, serializedFile="model.pt", modelFile=None)
    assert "holds TorchScript, which is code" in (said := refusal(file))
    assert "torch.save(torch.jit.load('model.pt').state_dict(), 'model.pth')" in said


def test_other_networks_are_refused(tmp_path: Path) -> None:
    torch.save({"features.weight": torch.zeros(3)}, tmp_path / "other.pth")
    content = (tmp_path / "other.pth").read_bytes()
    said = refusal(archive(tmp_path / "a.mar", {"densenet121.pth": content}))
    assert "holds neither of the networks that are known" in said


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("", "no manifest of a model"),
        ("[]", "no manifest of a model"),
        ('{"model": 1}', "no manifest of a model"),
        ("[" * 100_000, "no manifest of a model"),
        ('{"model": {}}', "is for the handler 'None'"),
        (" " * 2_000_000, "holds more than 1 MB in 'MAR-INF/MANIFEST.json'"),
    ],
)
def test_bad_manifests_are_refused(tmp_path: Path, manifest: str, why: str) -> None:
    assert why in refusal(archive(tmp_path / "a.mar", {MANIFEST: manifest}))


@pytest.mark.parametrize(
    "names", ["[" * 100_000, '{"0": ["a", "b"], "1": 5, "2": 6}', '{"1": "a"}', "\ud800", "[]"]
)
def test_bad_names_are_refused(weights: Path, tmp_path: Path, names: str) -> None:
    content = names.encode("utf-8", "surrogatepass")
    members: Members = {"densenet121.pth": weights.read_bytes(), NAMES_FILE: content}
    assert "name" in refusal(archive(tmp_path / "a.mar", members))


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    assert "has no '../../secret'" in refusal(
        archive(tmp_path / "a.mar", {}, serializedFile="../../secret")
    )
    assert "has no 'None'" in refusal(archive(tmp_path / "a.mar", {}, serializedFile=None))


def test_a_name_leads_nowhere(weights: Path, tmp_path: Path) -> None:
    name = "../../../../../../tmp/outside.pth"
    folder = tmp_path / "archives"
    folder.mkdir()
    members: Members = {
        name: weights.read_bytes(),
        "../outside": b"",
        NAMES_FILE: NAMES,
    }
    load(archive(folder / "a.mar", members, serializedFile=name), None)
    assert [each.name for each in tmp_path.iterdir()] == ["archives"]
    assert not Path("/tmp/outside.pth").exists()  # noqa: S108


@pytest.mark.parametrize("hide", [False, True])
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hide: bool) -> None:
    """Also if its size in the header is a lie."""
    monkeypatch.setattr(torchserve_archive, "MAX_WEIGHTS", 3_000_000)
    file = archive(tmp_path / "a.mar", {"densenet121.pth": bytes(5_000_000)})
    if hide:
        content = file.read_bytes()
        file.write_bytes(content.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 100)))
        assert "cannot be read as an archive" in refusal(file)
    else:
        assert "holds more than 3 MB in 'densenet121.pth'" in refusal(file)


def test_a_bomb_within_the_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchserve_archive, "MAX_WEIGHTS", 3_000_000)
    with zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as zip_:
        zip_.writestr("archive/data/0", bytes(5_000_000))
    members: Members = {"densenet121.pth": (tmp_path / "w.pth").read_bytes()}
    assert "holds weights of more than 3 MB" in refusal(archive(tmp_path / "a.mar", members))


def test_many_members_are_refused(tmp_path: Path) -> None:
    members: Members = dict.fromkeys(map(str, range(1001)), b"")
    assert "holds more than 1000 files" in refusal(archive(tmp_path / "a.mar", members))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mar").write_bytes(content)
    assert "cannot be read as an archive" in refusal(tmp_path / "a.mar")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.mar", {"densenet121.pth": bytes(range(256)) * 1000})
    content = bytearray(file.read_bytes())
    content[-3000:-2500] = bytes(500)
    file.write_bytes(content)
    assert "a.mar" in refusal(file)
