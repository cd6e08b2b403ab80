"""What the tests of preparing share: models with random weights, and the command line."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import unittest.mock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers

from inference_app.__main__ import main
from inference_app.prepare import prepare_model
from inference_app.prepare.pictures import dead_leaves
from inference_app.prepare.preparation import Preparation
from tests.conftest import REPO
from tests.prepare.hub import Hub

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

# microsoft/resnet-50's.
RESNET_PROCESSOR = {
    "image_processor_type": "ConvNextImageProcessor",
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": MEAN,
    "image_std": STD,
    "resample": 3,
    "size": {"shortest_edge": 224},
}
CLOSED = "http://127.0.0.1:9"  # the port of the discard service: nobody listens


def save_resnet(folder: Path, processor: dict[str, Any], **config: Any) -> Path:
    """Save a ResNet with random weights and an image processor, in Hugging Face format."""
    torch.manual_seed(0)
    model = transformers.ResNetForImageClassification(transformers.ResNetConfig(**config))
    shape = (4, 3, processor["size"]["shortest_edge"], processor["size"]["shortest_edge"])
    _calibrate(model, shape)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def save_tiny_resnet(folder: Path, **config: Any) -> Path:
    """Save a classifier that is prepared in two seconds."""
    small = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "num_labels": 3}
    processor = RESNET_PROCESSOR | {"size": {"shortest_edge": 32}}
    return save_resnet(folder, processor, layer_type="basic", **small | config)


def _calibrate(model: torch.nn.Module, shape: tuple[int, ...]) -> None:
    """Give BatchNorms the statistics of their inputs, so that random logits differ by picture."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
    with torch.no_grad():
        model.train()(torch.randn(shape))
    model.eval()


@pytest.fixture(scope="session")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_resnet(tmp_path_factory.mktemp("resnet-50"), RESNET_PROCESSOR, num_labels=1000)


@pytest.fixture(scope="session")
def densenet121(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save DenseNet-121 as timm does; the Hub's own config.json has no `model_args`."""
    folder = tmp_path_factory.mktemp("densenet121")
    torch.manual_seed(0)
    model = timm.create_model("densenet121.tv_in1k", pretrained=False)
    _calibrate(model, (4, 3, 224, 224))
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("model_args", None)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_resnet(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def prepared_tiny(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    prepare_model(Preparation(str(tiny), "tiny", precision="fp32"), folder, print)
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw as many pictures as int8 needs, in three folders."""
    folder = tmp_path_factory.mktemp("drawn")
    for number in range(300):
        (folder / str(number // 100)).mkdir(exist_ok=True)
        picture = dead_leaves((48, 40), number)
        picture.save(folder / str(number // 100) / f"{number}.png", compress_level=1)
    return folder


@pytest.fixture
def source(tiny: Path, tmp_path: Path) -> Path:
    """Copy a model to where a test may damage it."""
    return Path(shutil.copytree(tiny, tmp_path / "tiny"))


@pytest.fixture
def held(prepared_tiny: Path, tmp_path: Path) -> Path:
    """Copy the prepared `source` to where the command line puts it."""
    return Path(shutil.copytree(prepared_tiny, tmp_path / "models" / "tiny"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@dataclass(frozen=True)
class CommandLine:
    """`python -m inference_app prepare`, in a folder of its own, with a Hub at a URL."""

    folder: Path
    hub: str = CLOSED

    def __call__(
        self, *arguments: str | Path, before: tuple[str, ...] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        hub = {"HF_ENDPOINT": self.hub, "HF_HOME": str(self.folder / "hf"), "NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            [*before, sys.executable, "-m", "inference_app", "prepare", *arguments],
            cwd=self.folder,
            env=inherited
            | hub
            | {"HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(REPO), "COLUMNS": "80"}
            | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def here(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it in this process, which has imported torch already: for what needs torch."""
        argv = ["inference_app", "prepare", *map(str, arguments)]
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
            unittest.mock.patch.object(sys, "argv", argv),
            pytest.raises(SystemExit) as end,
        ):
            main()
        status = int(end.value.code or 0)
        return subprocess.CompletedProcess(argv, status, out.getvalue(), err.getvalue())

    def without(self, package: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it where a package is not installed."""
        shadow = self.folder / "shadow"
        shadow.mkdir(exist_ok=True)
        error = f"raise ModuleNotFoundError('No module named {package}', name={package!r})\n"
        (shadow / f"{package}.py").write_text(error)
        return self(*arguments, PYTHONPATH=f"{shadow}{os.pathsep}{REPO}")


@pytest.fixture
def prepare(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """Start a Hub without models."""
    with Hub() as server:
        yield server
        server.shutdown()


def complaint(run: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """Return the one line that a command ended with; nothing may be a traceback."""
    assert run.returncode == status, run.stderr
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    *_, last = run.stderr.splitlines()
    assert last.startswith("error: "), run.stderr
    assert run.stderr.count("error: ") == 1
    return last.removeprefix("error: ")
