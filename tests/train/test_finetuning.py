"""`train` of a whole network, run as a person runs it, on a tiny network and drawn shapes."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import transformers
from PIL import Image

from inference_app.errors import UserError
from inference_app.evaluate.report import Report
from inference_app.train import checkpoints
from inference_app.train.finetuning import train_network
from inference_app.train.options import Options
from tests.conftest import encode
from tests.support.readme import commands
from tests.support.server import environment, wait_until
from tests.train.drawn import SHAPES, draw, draw_folder
from tests.train.small import QUICK, base, options

DOCUMENTED = commands("docs/training.md")["Training a whole network"]


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "inference_app", "train", *arguments]


def train(
    *arguments: str | Path, cwd: Path | None = None, **settings: str | Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(**settings), capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw so many pictures that processes of their own decode them, and a base model."""
    folder = tmp_path_factory.mktemp("whole")
    draw_folder(folder / "pictures", count=150)
    (folder / "pictures" / "circle" / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    base(folder / "base")
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> list[str]:
    """Run the documented commands, and return what each printed."""
    install, *lines = DOCUMENTED
    assert install == "requirements/install.sh finetune"
    found = []
    for line in lines:
        python, *words = line.replace("microsoft/resnet-50", "base").split()
        assert python in (".venv/bin/python", ".venv-prepare/bin/python")
        words += QUICK if "train" in words else []
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout + done.stderr)
    return found


@pytest.fixture
def card(folder: Path, printed: list[str]) -> str:
    return (folder / "trained/mine/README.md").read_text("utf-8")


def rows(table: str) -> dict[str, str]:
    return {line[:18].strip(): line[18:].strip() for line in table.splitlines()}


def test_shapes_are_learnt(printed: list[str]) -> None:
    found = rows(printed[0])
    assert float(found["top-1"].rstrip("%")) > 60  # by chance it would be 33
    assert "(1 skipped)" in found["pictures"]
    assert "damaged.jpg: The picture is damaged" in printed[0]
    assert "These weights start anew: classifier.1.bias, classifier.1.weight" in printed[0]


def test_the_evaluation_of_the_prepared_model_agrees_with_the_card(
    printed: list[str], card: str
) -> None:
    found = rows(printed[2])
    held_out = re.search(r"On (\d+) held-out pictures", card)
    assert held_out
    assert found["pictures"].split()[0] == held_out[1]
    for figure in ("top-1", "top-5"):
        of_card = re.search(rf"\| {figure} \| ([\d.]+)% \|", card)
        assert of_card
        one_picture = 100 / int(held_out[1]) + 0.1  # bf16 may tip one over
        assert float(found[figure].rstrip("%")) == pytest.approx(float(of_card[1]), abs=one_picture)


def test_the_card_says_what_was_done(card: str) -> None:
    cells = dict(re.findall(r"^\| ([\w -]+) \| (.+) \|$", card, re.MULTILINE))
    assert (cells["epochs"], cells["learning rate"], cells["id"]) == ("4", "0.01", "base")
    assert re.fullmatch("[0-9a-f]{64}", cells["data"])
    options = " ".join(["--model base --output trained/mine", *QUICK])
    assert f"\ninference-app train --data pictures {options}\n" in card
    assert "Classes: circle, square, triangle.\n" in card


def test_the_folder_is_in_hugging_face_format(folder: Path, printed: list[str]) -> None:
    trained = folder / "trained" / "mine"
    assert {path.name for path in trained.iterdir()} == {
        "BASE.md", "README.md", "config.json", "curves.png", "model.safetensors",
        "preprocessor_config.json",
    }  # fmt: skip
    assert (trained / "BASE.md").read_text() == "Use it for nothing."
    assert [path.name for path in trained.parent.iterdir()] == ["mine"]
    with Image.open(trained / "curves.png") as curves:
        assert min(curves.size) > 300
    classify = transformers.pipeline("image-classification", str(trained), device="cpu")
    right = [classify(draw(shape, 1000))[0]["label"] == shape for shape in SHAPES]
    assert sum(right) >= 2


def test_training_goes_on_after_it_was_killed_and_ends_the_same(
    folder: Path, printed: list[str], tmp_path: Path
) -> None:
    output = str(tmp_path / "mine")
    arguments = ["--data", "pictures", "--model", "base", "--output", output, *QUICK]
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # The second checkpoint is being written now.
    where = tmp_path / "mine.training"
    wait_until(lambda: len(list(where.glob("checkpoint-*"))) == 2, "no checkpoints", within=300)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert not (tmp_path / "mine").exists()
    done = train(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Going on after epoch [12]$", done.stderr, re.MULTILINE)
    assert "epoch 1 of 4 done" not in done.stderr
    assert "epoch 4 of 4 done" in done.stderr
    weights = [each / "model.safetensors" for each in (folder / "trained/mine", tmp_path / "mine")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.fixture
def quick(tmp_path: Path) -> Options:
    return options(tmp_path)


def run(given: Options) -> tuple[Report, list[str]]:
    said: list[str] = []
    return train_network(given, said.append), said


def test_what_is_written_is_the_best_average(
    quick: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "publish", lambda *_: None)
    figures, _ = run(quick)
    where = checkpoints.folder(quick.output)
    last = checkpoints.last(where)
    assert last
    best = checkpoints.average(checkpoints.best(last))
    written = transformers.AutoModelForImageClassification.from_pretrained(where / "result")
    for name, weights in written.state_dict().items():
        assert (weights == best[f"module.{name}"]).all()
    history = checkpoints.state(last)["log_history"]
    assert figures.top_1 == max(each.get("eval_top_1", 0) for each in history)
    assert figures.pictures < 90


def test_a_training_that_was_killed_at_its_end_only_writes_the_result(
    quick: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "publish", lambda *_: None)
        figures, _ = run(quick)
    (checkpoints.folder(quick.output) / "result" / "README.md").write_text("half")
    again, said = run(quick)
    assert again.top_1 == figures.top_1
    assert not any("loss" in line for line in said)
    assert (quick.output / "README.md").read_text().startswith("---")


def test_a_training_that_stopped_early_is_not_gone_on_with(
    quick: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(quick, epochs=9, patience=1, learning_rate=1e-9)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "publish", lambda *_: None)
        run(quick)
    _, said = run(quick)
    assert not any("loss" in line for line in said)
    card = (quick.output / "README.md").read_text()
    assert "| epochs run | 2 |\n| best epoch | 1 |" in card


def test_pictures_that_changed_since_are_another_training(
    quick: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "publish", lambda *_: None)
        run(replace(quick, epochs=1))
    (quick.data / "circle" / "new.png").write_bytes(encode(draw("circle", 77)))
    with pytest.raises(UserError, match="differs in epochs, data"):
        run(quick)


Change = Callable[[Options], Options]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: replace(given, data=given.data / "circle"), "two or more folders"),
        (lambda given: replace(given, model=str(given.data)), "has no config.json"),
        (lambda given: replace(given, model="./none"), "there is no folder or file ./none"),
        (lambda given: replace(given, output=given.data), "pictures exists already"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    quick: Options, tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(change(quick))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "pictures"]


def test_a_model_is_needed(tmp_path: Path) -> None:
    done = train("--data", "pictures", "--output", tmp_path / "new")
    assert done.returncode == 2
    assert "--model is missing; only --head does without" in done.stderr


def test_a_head_takes_no_options_of_a_network(tmp_path: Path) -> None:
    done = train("--head", "--data", "pictures", "--output", tmp_path / "new", "--epochs", "3")
    assert done.returncode == 2
    assert "--epochs is of no use with --head" in done.stderr


@pytest.mark.parametrize("package", ["accelerate", "matplotlib"])
def test_missing_packages_have_a_status_of_their_own(tmp_path: Path, package: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None")
    python_path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    arguments = ["--data", "pictures", "--model", "base", "--output", "new"]
    done = train(*arguments, cwd=tmp_path, PYTHONPATH=python_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{package} is not installed here")
    assert line.endswith("requirements/install.sh finetune")


def test_the_configuration_names_the_classes(folder: Path, printed: list[str]) -> None:
    config = json.loads((folder / "trained/mine/config.json").read_text())
    assert config["id2label"] == {"0": "circle", "1": "square", "2": "triangle"}
    assert config["wordnet_ids"] == list(SHAPES)
