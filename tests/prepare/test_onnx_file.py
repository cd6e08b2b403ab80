"""Classifiers in ONNX files: what is read, what is assumed, and what is refused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference_app.config import Settings
from inference_app.errors import PrepareError
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.engine import load_engine
from inference_app.prepare import is_prepared, prepare_model
from inference_app.prepare.onnx_file import load
from inference_app.prepare.preparation import Preparation
from inference_app.timing import Timing
from tests.prepare.conftest import CommandLine, complaint
from tests.support.readme import commands

value = helper.make_tensor_value_info
EDGE = 32
CLASSES = ("cat", "dog", "fish")


@dataclass
class Graph:
    """A tiny classifier, which a test may change before it is saved."""

    picture: Sequence[Any] = ("N", 3, EDGE, EDGE)
    output: Sequence[Any] = ("N", 3)
    ending: Sequence[onnx.NodeProto] = ()  # from "logits" to "scores"
    flatten: onnx.NodeProto = field(
        default_factory=lambda: helper.make_node("Flatten", ["pooled"], ["flat"])
    )
    elem: int = TensorProto.FLOAT
    more_inputs: Sequence[onnx.ValueInfoProto] = ()
    more_outputs: Sequence[onnx.ValueInfoProto] = ()
    constants: Sequence[onnx.TensorProto] = ()

    def model(self) -> onnx.ModelProto:
        """Build it: convolution, mean over the pixels, and a fully connected layer."""
        rng = np.random.default_rng(0)
        weights = {
            "kernel": rng.normal(size=(8, 3, 3, 3)),
            "head": rng.normal(size=(8, 3)) * 3,
            "bias": rng.normal(size=3),
        }
        tensors = [
            numpy_helper.from_array(each.astype(np.float32), name) for name, each in weights.items()
        ]
        nodes = [
            helper.make_node("Conv", ["picture", "kernel"], ["features"], strides=[2, 2]),
            helper.make_node("Relu", ["features"], ["active"]),
            helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
            self.flatten,
            helper.make_node("Gemm", ["flat", "head", "bias"], ["logits"]),
            *self.ending,
        ]
        name = "scores" if self.ending else "logits"
        graph = helper.make_graph(
            nodes,
            "tiny",
            [value("picture", self.elem, self.picture), *self.more_inputs],
            [
                value(name, TensorProto.FLOAT, self.output),
                *self.more_outputs,
            ],
            [*tensors, *self.constants],
        )
        domains = {node.domain for node in nodes}
        opsets = [helper.make_opsetid(domain, 17 if not domain else 1) for domain in domains]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, folder: Path) -> Path:
        """Write it to a file; return which."""
        onnx.save(self.model(), folder / "pets.onnx")
        return folder / "pets.onnx"


def ending(kind: str, **attributes: Any) -> list[onnx.NodeProto]:
    return [helper.make_node(kind, ["logits"], ["scores"], **attributes)]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.txt"
    file.write_text("\n".join(CLASSES))
    return file


Prepare = Callable[..., prepared.PreparedModel]


@pytest.fixture
def prepare_graph(tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> Prepare:
    """Prepare a graph's file; what was reported can be read from `capsys`."""

    def run(graph: Graph, **options: Any) -> prepared.PreparedModel:
        file, folder = graph.save(tmp_path), tmp_path / "model"
        asked = Preparation(str(file), "pets", precision="fp32", labels=labels, **options)
        prepare_model(asked, folder, print)
        return prepared.read(folder)

    return run


def scores(model: prepared.PreparedModel, picture: bytes) -> np.ndarray[Any, Any]:
    classifier = Classifier(model, load_engine(model, 1), Settings())
    return np.array(classifier.infer(picture, Timing()).scores)


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_classifier_is_prepared_and_served(
    prepare_graph: Prepare, capsys: pytest.CaptureFixture[str], batch: Any, espresso: bytes
) -> None:
    model = prepare_graph(Graph(picture=(batch, 3, EDGE, EDGE), output=(batch, 3)))
    assert [label.label for label in model.labels] == list(CLASSES)
    assert model.activation == "softmax"
    assert (model.preprocessing.resize, model.preprocessing.crop) == (37, (EDGE, EDGE))
    found = model.manifest["parity"]
    assert found["pictures"] == found["classes_agreed"] == 16
    assert found["max_logits_error"] < 1e-4
    assert scores(model, espresso).sum() == pytest.approx(1, abs=1e-5)
    told = capsys.readouterr().out
    assert "No preprocessor_config.json is beside it" in told
    assert "ImageNet's mean (0.485, 0.456, 0.406)" in told


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        (ending("Softmax", axis=1), "none"),
        (ending("Sigmoid"), "none"),
        (ending("LogSoftmax", axis=1), "softmax"),
        (ending("Identity"), "softmax"),
    ],
    ids=["softmax", "sigmoid", "log-softmax", "none"],
)
def test_scores_are_made_once(
    prepare_graph: Prepare, last: list[onnx.NodeProto], activation: str, espresso: bytes
) -> None:
    plain = scores(prepare_graph(Graph()), espresso)
    model = prepare_graph(Graph(ending=last))
    assert model.activation == activation
    if last[0].op_type == "Sigmoid":
        assert 0 <= scores(model, espresso).min() <= scores(model, espresso).max() <= 1
    else:
        np.testing.assert_allclose(scores(model, espresso), plain, atol=1e-4)


def test_an_image_processor_beside_it_is_followed(
    prepare_graph: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": EDGE, "width": EDGE},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.25, 0.25, 0.25],
        "resample": 3,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    preprocessing = prepare_graph(Graph()).preprocessing
    assert preprocessing.interpolation == "bicubic"
    assert preprocessing.resize == (EDGE, EDGE)
    assert preprocessing.mean == pytest.approx((127.5,) * 3, abs=0.1)
    assert "Assumed" not in capsys.readouterr().out
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(processor | {"size": {"height": 48, "width": 48}})
    )
    with pytest.raises(
        PrepareError, match=r"takes \(32, 32\) pixels, preprocessor_config\.json \(48, 48\)"
    ):
        prepare_graph(Graph())


def test_a_graph_of_any_size_is_told_one(prepare_graph: Prepare, tmp_path: Path) -> None:
    graph = Graph(picture=("N", 3, "H", "W"))
    with pytest.raises(PrepareError, match="any size: say which with --input-size"):
        prepare_graph(graph)
    assert prepare_graph(graph, input_size=48).preprocessing.crop == (48, 48)
    asked = Preparation(str(tmp_path / "pets.onnx"), "pets", precision="fp32", input_size=48)
    assert is_prepared(tmp_path / "model", asked)
    assert not is_prepared(tmp_path / "model", replace(asked, input_size=64))


def test_another_size_than_the_graphs_is_refused(prepare_graph: Prepare) -> None:
    with pytest.raises(PrepareError, match="leave --input-size out"):
        prepare_graph(Graph(), input_size=64)


def test_a_picture_that_is_wider_than_high(prepare_graph: Prepare) -> None:
    preprocessing = prepare_graph(Graph(picture=("N", 3, 24, EDGE))).preprocessing
    assert (preprocessing.resize, preprocessing.crop) == ((24, EDGE), (24, EDGE))


def custom() -> onnx.NodeProto:
    return helper.make_node("Magic", ["logits"], ["scores"], domain="com.acme")


BOXES = value("features", TensorProto.FLOAT, None)
MASK = value("mask", TensorProto.FLOAT, ["N"])
REFUSED = {
    "has 2 inputs (picture, mask): a classifier has one": Graph(more_inputs=[MASK]),
    "is no classifier: it gives": Graph(more_outputs=[BOXES]),
    "takes its channels last": Graph(picture=("N", "H", "W", 3)),
    "takes pictures of 1 channels": Graph(picture=("N", 1, EDGE, EDGE)),
    "takes 8 pictures at a time": Graph(picture=(8, 3, EDGE, EDGE), output=(8, 3)),
    "needs the custom operator com.acme.Magic": Graph(ending=[custom()]),
    "cannot be loaded": Graph(elem=TensorProto.INT32),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_classifier_of_pictures_is_refused(
    prepare_graph: Prepare, tmp_path: Path, why: str
) -> None:
    with pytest.raises(PrepareError) as refused:
        prepare_graph(REFUSED[why])
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "model").exists()


def test_other_types_than_float32_are_refused(prepare_graph: Prepare) -> None:
    cast = helper.make_node("Cast", ["raw"], ["picture"], to=TensorProto.FLOAT)
    graph = Graph().model()
    graph.graph.node.insert(0, cast)
    graph.graph.input[0].name = "raw"
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    changed = Graph()
    changed.model = lambda: graph  # type: ignore[method-assign]
    with pytest.raises(PrepareError, match=r"takes tensor\(uint8\)"):
        prepare_graph(changed)


def test_a_graph_for_one_picture_takes_batches(prepare_graph: Prepare) -> None:
    reshape = helper.make_node("Reshape", ["pooled", "shape"], ["flat"])
    shape = numpy_helper.from_array(np.array([1, 8]), "shape")
    graph = Graph((1, 3, EDGE, EDGE), (1, 3), flatten=reshape, constants=[shape])
    engine = load_engine(prepare_graph(graph), 1)
    pixels = np.random.default_rng(2).integers(0, 256, (4, EDGE, EDGE, 3), np.uint8)
    alone = np.concatenate([engine.infer(pixels[at : at + 1]) for at in range(4)])
    np.testing.assert_allclose(engine.infer(pixels), alone, atol=1e-4)


def test_a_graph_that_mixes_pictures_is_refused(prepare_graph: Prepare) -> None:
    over_the_batch = ending("Softmax", axis=0)
    with pytest.raises(PrepareError, match="a batch of 1 is built into it"):
        prepare_graph(Graph((1, 3, EDGE, EDGE), (1, 3), over_the_batch))


@pytest.mark.parametrize("content", [b"", b"no protobuf \xff\xff", b"\x08\x0a"])
def test_a_file_that_is_no_onnx(tmp_path: Path, labels: Path, content: bytes) -> None:
    (tmp_path / "pets.onnx").write_bytes(content)
    with pytest.raises(PrepareError, match="is not an ONNX file"):
        load(tmp_path / "pets.onnx", labels, None, print)


def test_classes_without_names(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="has 3 classes: name them, in order, with --labels"):
        load(Graph().save(tmp_path), None, None, print)


def with_external_data(folder: Path, location: str) -> Path:
    model = Graph().model()
    onnx.save(
        model,
        folder / "pets.onnx",
        save_as_external_data=True,
        location="pets.onnx.data",
        size_threshold=0,
    )
    model = onnx.load(folder / "pets.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        next(each for each in tensor.external_data if each.key == "location").value = location
    (folder / "pets.onnx").write_bytes(model.SerializeToString())
    return folder / "pets.onnx"


def test_weights_beside_the_file_are_read(tmp_path: Path, labels: Path) -> None:
    file = with_external_data(tmp_path, "pets.onnx.data")
    asked = Preparation(str(file), "pets", precision="fp32", labels=labels)
    prepare_model(asked, tmp_path / "model", print)
    assert is_prepared(tmp_path / "model", asked)
    weights = bytearray((tmp_path / "pets.onnx.data").read_bytes())
    weights[0] ^= 1
    (tmp_path / "pets.onnx.data").write_bytes(weights)
    assert not is_prepared(tmp_path / "model", asked)


@pytest.mark.parametrize("how", ["../pets.data", "{folder}/pets.data", "link"])
def test_weights_outside_the_folder_are_not_read(tmp_path: Path, labels: Path, how: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    file = with_external_data(folder, how.format(folder=tmp_path))
    (folder / "pets.onnx.data").rename(tmp_path / "pets.data")
    (folder / "link").symlink_to(tmp_path / "pets.data")
    with pytest.raises(PrepareError, match="from outside its folder"):
        load(file, labels, None, print)


def test_weights_that_are_missing_are_named(tmp_path: Path, labels: Path) -> None:
    file = with_external_data(tmp_path, "pets.onnx.data")
    (tmp_path / "pets.onnx.data").unlink()
    with pytest.raises(PrepareError, match=r"has its weights in pets\.onnx\.data, which is not"):
        load(file, labels, None, print)


def test_the_documented_command(prepare: CommandLine, labels: Path) -> None:
    (line,) = commands("docs/models.md")["ONNX files"]
    Graph().save(prepare.folder)
    _, arguments = line.split(" prepare ")
    done = prepare.here(*arguments.split())
    assert done.returncode == 0, done.stderr
    assert prepared.read(prepare.folder / "models" / "pets").name == "pets"


def test_the_command_line(prepare: CommandLine, labels: Path, tmp_path: Path) -> None:
    file = Graph(picture=("N", 3, "H", "W")).save(tmp_path)
    options = ("--labels", labels, "--input-size", "48", "--precision", "fp32")
    done = prepare.here(file, *options)
    assert done.returncode == 0, done.stderr
    assert prepared.read(prepare.folder / "models" / "pets").preprocessing.crop == (48, 48)
    assert "is prepared already" in prepare.here(file, *options).stderr
    assert "Hugging Face format" in complaint(prepare.here(file, *options, "--engine", "torch"))


def test_the_size_is_for_files_of_onnx_alone(prepare: CommandLine, tiny: Path) -> None:
    assert "for ONNX files" in complaint(prepare.here(tiny, "--input-size", "48"))
