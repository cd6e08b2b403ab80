"""`evaluate`, run as a person runs it, on the bundled model and the sample pictures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference_app.config import BUNDLED_MODEL
from tests.conftest import SAMPLES
from tests.support.readme import commands
from tests.support.server import environment

RIGHT = ("beacon.jpg", "espresso.jpg", "flagpole.jpg", "orange.jpg", "jellyfish.webp")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sort five samples by their class, and put one of them where it does not belong."""
    for name in RIGHT:
        (tmp_path / "data" / Path(name).stem).mkdir(parents=True)
        shutil.copy(SAMPLES / name, tmp_path / "data" / Path(name).stem)
    shutil.copy(SAMPLES / "espresso.jpg", tmp_path / "data" / "orange" / "wrong.jpg")
    return tmp_path / "data"


def evaluate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference_app", "evaluate", BUNDLED_MODEL, *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True)


def test_the_table_has_the_figures(data: Path) -> None:
    done = evaluate("--data", data)
    assert done.returncode == 0, done.stderr
    rows = {line[:18].strip(): line[18:].strip() for line in done.stdout.splitlines()}
    assert (rows["pictures"], rows["top-1"]) == ("6 (0 skipped)", "83.3%")
    assert float(rows["images/s"]) > 0
    assert "most confused: orange as espresso (1)" in done.stdout


def test_a_damaged_picture_is_skipped_and_counted(data: Path) -> None:
    (data / "orange" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    assert "6 (1 skipped)" in evaluate("--data", data).stdout


def test_a_model_agrees_with_itself(data: Path, tmp_path: Path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "calibration.svg"
    done = evaluate(
        "--data", data, "--against", BUNDLED_MODEL, "--json", figures, "--picture", picture
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(figures.read_text("utf-8"))
    assert written["comparison"]["agreement"] == 1.0
    assert written["comparison"]["max_score_difference"] == pytest.approx(0, abs=1e-3)
    first, second = written["models"]
    assert first["top_1"] == second["top_1"] == pytest.approx(5 / 6)
    assert first["classes"][0]["top_1"] == 0.5
    assert first["confused"][0]["predicted_name"] == "espresso"
    assert "<svg" in picture.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "missing"], "missing cannot be read"),
        (["--data", "."], "error: "),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], message: str) -> None:
    done = evaluate(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", commands("docs/models.md")["Measuring a model"])
def test_the_documented_commands(data: Path, tmp_path: Path, line: str) -> None:
    program, *words = line.split()
    assert program == ".venv/bin/python"
    bundled = {word: str(BUNDLED_MODEL) for word in words if word.startswith("models/")}
    ours = bundled | {"pictures": str(data)}
    command = [sys.executable, *(ours.get(word, word) for word in words)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "top-1" in done.stdout
