"""The engine of torch, on the CPU: what is its own."""

import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference_app.errors import PreparedModelError
from inference_app.model import prepared
from inference_app.model.engine import load_engine
from inference_app.model.engine.torch import Network, TorchEngine, dtype_of, load_classifier
from inference_app.model.prepared import PreparedModel
from inference_app.model.preprocessing import Channels
from tests.model.test_prepared import reseal
from tests.support.engines import prepare_tiny

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_tiny("torch", tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Copy the prepared model to where a test may damage it."""
    return Path(shutil.copytree(made, tmp_path / "model"))


@pytest.fixture(scope="module")
def model(made: Path) -> PreparedModel:
    return prepared.read(made)


@pytest.fixture(scope="module")
def engine(model: PreparedModel) -> TorchEngine:
    return TorchEngine(model, threads=1)


@pytest.fixture(scope="module")
def pixels(model: PreparedModel) -> Pixels:
    shape = (2, *model.preprocessing.crop, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_another_user_may_serve_what_was_prepared(made: Path) -> None:
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in made.iterdir())


def test_a_prepared_model_holds_weights_that_are_no_pickle(made: Path) -> None:
    names = {path.name for path in made.iterdir()}
    assert names == {
        "config.json", "labels.json", "manifest.json", "model.safetensors", "preprocessing.json",
    }  # fmt: skip
    assert json.loads((made / "manifest.json").read_text())["engine"] == "torch"


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_logits_are_those_of_transformers_on_normalised_pixels(
    model: PreparedModel, pixels: Pixels, channels: Channels
) -> None:
    preprocessing = replace(model.preprocessing, channels=channels)
    ours = TorchEngine(replace(model, preprocessing=preprocessing), threads=1).infer(pixels)
    values = (pixels - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    values = values[..., ::-1].copy() if channels == "BGR" else values
    with torch.inference_mode():
        inputs = torch.from_numpy(values).float().permute(0, 3, 1, 2)
        theirs = load_classifier(model.folder).eval()(pixel_values=inputs).logits.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("precision", "bf16", "dtype"),
    [
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float16),
        ("bf16", True, torch.bfloat16),
        ("fp32", True, torch.float32),
    ],
)
def test_a_gpu_computes_in_16_bits(
    monkeypatch: pytest.MonkeyPatch, precision: str, bf16: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
    assert dtype_of(precision, "cuda") == dtype


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_cpu_computes_in_what_the_model_says(precision: str, dtype: torch.dtype) -> None:
    assert dtype_of(precision, "cpu") == dtype


def test_one_thread_calls_torch_whoever_asks(
    engine: TorchEngine,
    pixels: Pixels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: set[int] = set()
    forward = Network.forward

    def noting(self: Network, pixels: torch.Tensor) -> torch.Tensor:
        called.add(threading.get_ident())
        return forward(self, pixels)

    monkeypatch.setattr(Network, "forward", noting)
    askers = [threading.Thread(target=engine.infer, args=(pixels,)) for _ in range(4)]
    for asker in askers:
        asker.start()
        asker.join()
    assert len(called) == 1
    assert not called & {asker.ident for asker in askers}


def failing(engine: TorchEngine, error: Exception) -> TorchEngine:
    """Return an engine whose network raises an error."""

    def infer(_: object) -> None:
        raise error

    broken = object.__new__(TorchEngine)
    vars(broken).update(vars(engine), _infers={2: infer})
    return broken


def test_a_gpu_without_memory_is_a_lack_of_memory(engine: TorchEngine, pixels: Pixels) -> None:
    with pytest.raises(MemoryError, match="GPU"):
        failing(engine, torch.OutOfMemoryError("CUDA out of memory")).infer(pixels)


def test_a_gpu_that_failed_ends_the_worker(
    engine: TorchEngine,
    pixels: Pixels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit, match="1"):
        failing(engine, torch.AcceleratorError("an illegal memory access")).infer(pixels)


@pytest.mark.parametrize("content", ["{}", "", '{"model_type": "no such"}'])
def test_a_network_that_cannot_be_loaded_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    reseal(folder)
    with pytest.raises(PreparedModelError, match="cannot be run with torch"):
        load_engine(prepared.read(folder), threads=1)


def test_no_code_of_a_model_is_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "evil.C", "AutoModelForImageClassification": "evil.M"}
    (folder / "config.json").write_text(
        json.dumps(
            {"auto_map": classes, "model_type": "evil"}
            | {key: value for key, value in config.items() if key != "model_type"}
        )
    )
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nC = M = object\n")
    reseal(folder)
    with pytest.raises(PreparedModelError, match="cannot be run with torch"):
        load_engine(prepared.read(folder), threads=1)
    assert not (folder / "ran").exists()


def test_weights_in_a_pickle_are_not_read(folder: Path) -> None:
    weights = load_classifier(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    reseal(folder)
    with pytest.raises(PreparedModelError, match=r"model\.safetensors"):
        prepared.read(folder)


def test_without_torch_the_error_says_where_to_serve(
    model: PreparedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference_app.model.engine.find_spec", lambda _: None)
    with pytest.raises(PreparedModelError, match=r"install\.sh prepare"):
        load_engine(model, threads=1)
