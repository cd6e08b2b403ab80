"""`train --head`, run as a person runs it, on the bundled model and drawn shapes."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from tests.conftest import REPO, encode
from tests.support.engines import prepare_tiny
from tests.support.readme import commands
from tests.support.server import environment, serving
from tests.train.drawn import SHAPES, draw, draw_folder

DOCUMENTED = commands("docs/models.md")["Training a head"]


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "inference_app", *arguments]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True, timeout=300
    )


def train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("train", "--head", *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw the training pictures, and beside them a damaged one."""
    folder = draw_folder(tmp_path_factory.mktemp("shapes"))
    (folder / "circle" / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train once; return the prepared model and what was printed."""
    output = tmp_path_factory.mktemp("models") / "shapes"
    done = train("--data", data, "--output", output)
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def test_the_figures_are_those_of_the_held_out_pictures(trained: tuple[Path, str]) -> None:
    model, printed = trained
    rows = {line[:18].strip(): line[18:].strip() for line in printed.splitlines()}
    assert rows["pictures"] == "12 (1 skipped)"
    assert float(rows["top-1"].rstrip("%")) >= 90
    assert "most confused: " in printed
    assert printed.splitlines()[-1] == str(model)


def test_the_manifest_names_the_base_model_the_data_and_the_figures(
    trained: tuple[Path, str],
) -> None:
    model = prepared.read(trained[0])
    assert (model.name, model.activation) == ("shapes", "softmax")
    assert [label.class_id for label in model.labels] == list(SHAPES)
    source = model.manifest["source"]
    assert source["id"] == prepared.read(BUNDLED_MODEL).name
    assert source["revision"] == prepared.sha256(BUNDLED_MODEL / "manifest.json")
    assert re.fullmatch("[0-9a-f]{64}", source["data"])
    assert model.manifest["head"]["pictures"] == 60
    assert model.manifest["head"]["held_out"]["pictures"] == 12
    assert not model.is_bundled


def test_the_result_is_served(trained: tuple[Path, str], tmp_path: Path) -> None:
    with serving(tmp_path, MODEL_PATH=trained[0], WORKERS="1") as server:
        for shape in SHAPES:
            unseen = encode(draw(shape, seed=1000))
            response = requests.post(f"{server.url}/predict?top_k=1", data=unseen, timeout=30)
            assert response.json()["predictions"][0]["class_id"] == shape


def test_the_result_is_right_on_new_pictures(trained: tuple[Path, str], tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    new = draw_folder(tmp_path / "new", first=500)
    done = run("evaluate", trained[0], "--data", new, "--json", figures)
    assert done.returncode == 0, done.stderr
    assert json.loads(figures.read_text())["models"][0]["top_1"] >= 0.9


def test_the_same_pictures_make_the_same_model(
    trained: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    done = train("--data", data, "--output", tmp_path / "again", "--name", "shapes")
    assert done.returncode == 0, done.stderr
    again, first = (prepared.read(each).manifest for each in (tmp_path / "again", trained[0]))
    assert again == first


def test_a_head_can_be_trained_on_a_trained_model(
    trained: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained[0], tmp_path / "model")
    done = train("--model", tmp_path / "model", "--data", data, "--output", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert prepared.read(tmp_path / "model").manifest["source"]["id"] == "shapes"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "missing", "--output", "new"], "missing cannot be read"),
        (["--data", "few", "--output", "new"], "circle has 4, square has 4, triangle has 4"),
        (["--data", "few", "--output", "few"], "few exists and is not a prepared model"),
        (["--data", "few", "--output", "new", "--model", "few"], "is not a prepared model"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    draw_folder(tmp_path / "few", count=4)
    done = subprocess.run(
        command("train", "--head", *arguments),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


def test_an_interrupted_training_leaves_nothing(data: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("train", "--head", "--data", data, "--output", tmp_path / "new"),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "Computing the features of 61 pictures" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_the_documented_commands(data: Path, tmp_path: Path) -> None:
    install, *lines = DOCUMENTED
    assert install == "requirements/install.sh train"
    names = {
        "models/resnet-50": BUNDLED_MODEL,
        "pictures": data,
        "photo.jpg": data / "circle/0.png",
    }
    for line in lines:
        assert ".venv/bin/python " in line
        words = [str(names.get(word, word)) for word in line.split()]
        ours = " ".join(words).replace(".venv/bin/python", sys.executable)
        done = subprocess.run(
            ["sh", "-c", ours], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "circle" in done.stdout


def test_the_documented_packages_are_enough(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    settings = {"VENV": str(venv), "PYTHON": sys.executable}
    done = subprocess.run(
        [REPO / "requirements/install.sh", "train"],
        env=environment(**settings),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    draw_folder(tmp_path / "pictures", count=5)
    arguments: list[str | Path] = [
        "train",
        "--head",
        "--data",
        tmp_path / "pictures",
        "--output",
        tmp_path / "new",
    ]
    trained = subprocess.run(
        [venv / "bin/python", "-m", "inference_app", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 0, trained.stderr


def test_a_model_for_torch_is_not_trained(data: Path, tmp_path: Path) -> None:
    base = prepare_tiny("torch", tmp_path)
    done = train("--model", base, "--data", data, "--output", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr == f"error: {base} is for torch: prepare it without --engine\n"
