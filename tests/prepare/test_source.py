"""Where models come from: a local folder, or the Hub, which is a fake one on a loopback port."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference_app.errors import PrepareError
from inference_app.model import prepared
from inference_app.prepare.source import fetch, local_source
from tests.prepare.conftest import CommandLine, complaint
from tests.prepare.hub import Hub, Model


def config_of(*names: str, **more: object) -> bytes:
    return json.dumps({"architectures": names, **more}).encode()


def test_a_local_folder_is_called_by_its_name(source: Path) -> None:
    found = fetch(str(source), None)
    assert (found.id, found.path) == ("tiny", source)
    assert len(found.revision) == 64


def test_the_revision_of_a_local_folder_follows_its_files(source: Path) -> None:
    before = fetch(str(source), None).revision
    assert fetch(str(source), None).revision == before
    (source / "pytorch_model.bin").write_bytes(b"never read")
    assert fetch(str(source), None).revision == before
    (source / "README.md").write_text("A card")
    assert fetch(str(source), None).revision != before


@pytest.mark.parametrize(
    "path", ["./nothing", "/nothing", "a/b/c", "a\\b", "~/nothing here", "~nobody"]
)
def test_a_path_to_nothing_is_refused(path: str) -> None:
    with pytest.raises(PrepareError, match="there is no folder or file"):
        local_source(path)


@pytest.mark.parametrize("model_id", ["resnet-50", "microsoft/resnet-50"])
def test_what_reads_like_an_id_is_the_hubs(model_id: str) -> None:
    assert local_source(model_id) is None


@pytest.mark.parametrize(
    "config",
    [
        config_of("ResNetForImageClassification"),
        config_of("LevitForImageClassificationWithTeacher"),
        b'{"architecture": "densenet121", "num_classes": 1000}',
    ],
)
def test_image_classifiers_are_accepted(source: Path, config: bytes) -> None:
    (source / "config.json").write_bytes(config)
    assert fetch(str(source), None).path == source


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (config_of("BertForMaskedLM"), "not an image classifier: its config.json says BertFor"),
        (config_of(), "its config.json says nothing of the kind"),
        (b'{"architecture": "densenet121", "num_classes": null}', "not an image classifier"),
        (b'{"architecture": "densenet121", "num_classes": 0}', "not an image classifier"),
        (b'{"architectures": null}', "not an image classifier"),
        (b"[]", "is not a model's configuration"),
        (b"{", r"config\.json cannot be read"),
        (b"\xff\xff", r"config\.json cannot be read"),
    ],
)
def test_other_configs_are_refused(source: Path, config: bytes, why: str) -> None:
    (source / "config.json").write_bytes(config)
    with pytest.raises(PrepareError, match=why):
        fetch(str(source), None)


def test_a_broken_link_is_refused(source: Path) -> None:
    (source / "model.safetensors").unlink()
    (source / "model.safetensors").symlink_to("nowhere")
    with pytest.raises(PrepareError, match=r"model\.safetensors cannot be read: No such file"):
        fetch(str(source), None)


@pytest.fixture
def online(prepare: CommandLine, hub: Hub) -> CommandLine:
    hub.models.clear()
    hub.downloads.clear()
    return replace(prepare, hub=hub.url)


@pytest.fixture
def acme(hub: Hub, online: CommandLine, tiny: Path) -> Model:
    """Return acme/tiny, a model on the Hub, with files that nobody asked for."""
    files = {file.name: file.read_bytes() for file in tiny.iterdir()}
    others = {"pytorch_model.bin": b"pickle", "modeling.py": b"code", "onnx/model.onnx": b"onnx"}
    hub.models["acme/tiny"] = Model({**files, "README.md": b"# A card\n", **others})
    return hub.models["acme/tiny"]


def test_a_model_of_the_hub_is_prepared(online: CommandLine, acme: Model, hub: Hub) -> None:
    run = online("acme/tiny", "--precision", "fp32")
    assert (run.returncode, run.stdout) == (0, "models/tiny\n"), run.stderr
    model = prepared.read(online.folder / "models" / "tiny")
    assert model.name == "tiny"
    assert model.manifest["source"] == {"id": "acme/tiny", "revision": acme.commit}
    assert (model.folder / "README.md").read_bytes() == b"# A card\n"
    wanted = {"config.json", "preprocessor_config.json", "model.safetensors", "README.md"}
    assert sorted(hub.downloads) == sorted(wanted)
    for line in ("Fetching acme/tiny\n", "Writing the network", "Prepared models/tiny\n"):
        assert line in run.stderr

    offline = CommandLine(online.folder)
    for arguments in ((), ("--revision", acme.commit)):
        again = offline("acme/tiny", "--precision", "fp32", *arguments)
        assert (again.returncode, again.stdout) == (0, "models/tiny\n"), again.stderr
    another = complaint(offline("acme/tiny", "--precision", "fp32", "--revision", "0" * 40))
    assert "cannot reach" in another


def test_an_unknown_id(online: CommandLine) -> None:
    why = complaint(online("acme/nothing"))
    assert (
        why == "the Hugging Face Hub has no model acme/nothing, or a private one without HF_TOKEN"
    )


def test_an_id_that_cannot_be(online: CommandLine) -> None:
    assert "has no model a model" in complaint(online("a model"))


def test_a_gated_model(online: CommandLine, acme: Model) -> None:
    acme.gated = True
    assert "acme/tiny is gated: ask for access on its page" in complaint(online("acme/tiny"))


def test_an_unknown_revision(online: CommandLine, acme: Model) -> None:
    why = complaint(online("acme/tiny", "--revision", "v9"))
    assert why == "acme/tiny has no revision v9"


def test_not_an_image_classifier(online: CommandLine, acme: Model, hub: Hub) -> None:
    acme.files["config.json"] = config_of("BertForMaskedLM")
    assert "is not an image classifier: its config.json says BertForMaskedLM" in complaint(
        online("acme/tiny")
    )
    assert hub.downloads == ["config.json"]


@pytest.mark.parametrize(
    ("file", "why"), [("model.safetensors", "safetensors format"), ("config.json", "config.json")]
)
def test_a_file_that_the_hub_lacks(
    online: CommandLine, acme: Model, hub: Hub, file: str, why: str
) -> None:
    del acme.files[file]
    assert f"acme/tiny has no {'weights in ' if 'safe' in why else ''}{why}" in complaint(
        online("acme/tiny")
    )
    assert hub.downloads == []


def test_no_image_processor(online: CommandLine, acme: Model) -> None:
    del acme.files["preprocessor_config.json"]
    assert "acme/tiny has no image processor" in complaint(online("acme/tiny"))


@pytest.mark.parametrize("offline", ["0", "1"])
def test_no_way_to_the_hub(prepare: CommandLine, offline: str) -> None:
    why = complaint(prepare("acme/tiny", HF_HUB_OFFLINE=offline))
    assert why.startswith("cannot reach the Hugging Face Hub (")
    assert "MODEL_ID=bundled" in why
    assert [path.name for path in (prepare.folder / "models").iterdir()] == []


def test_no_place_for_the_download(online: CommandLine, acme: Model) -> None:
    (online.folder / "hf").write_text("a file where a folder should be")
    why = complaint(online("acme/tiny"))
    assert why.startswith("cannot store the download")
    assert str(online.folder / "hf") in why


def test_an_address_is_told_how_to_be_written() -> None:
    with pytest.raises(PrepareError, match=r"write its owner and name: acme/tiny$"):
        local_source("https://hub.example/acme/tiny")


def test_a_file_of_another_kind_is_called_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(PrepareError, match=r"model\.h5 is a file of another kind than \.pth"):
        local_source(str(tmp_path / "model.h5"))


def test_a_config_may_leave_its_architecture_out(source: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    del config["architectures"]
    (source / "config.json").write_text(json.dumps(config))
    assert fetch(str(source), None).path == source
