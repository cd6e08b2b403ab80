"""The command line, run as a user runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from inference_app.version import __version__
from tests.conftest import ESPRESSO, SAMPLES
from tests.support.server import environment

ORANGE = SAMPLES / "orange.jpg"


def run(
    *arguments: str | Path,
    folder: Path | None = None,
    settings: dict[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m inference_app` with just these settings."""
    return subprocess.run(
        [sys.executable, "-m", "inference_app", *map(str, arguments)],
        env=environment(**(settings or {})),
        cwd=folder,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Check that a command ended with one line and status 1; return the line."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_predict_prints_what_it_has_always_printed() -> None:
    done = run("predict", ESPRESSO)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == """{'statusCode': 200, 'body': '"espresso"'}\n"""


def test_predict_prints_json() -> None:
    done = run("predict", "--json", ESPRESSO, ORANGE)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"file": str(ESPRESSO), "statusCode": 200, "body": '"espresso"'},
        {"file": str(ORANGE), "statusCode": 200, "body": '"orange"'},
    ]


def test_predict_prints_the_most_likely_classes() -> None:
    done = run("predict", "--json", "--top-k", "3", ESPRESSO)
    response = json.loads(done.stdout)
    assert response["body"] == '"espresso"'
    assert len(response["predictions"]) == 3
    assert response["predictions"][0]["class_id"] == "n07920052"


def test_predict_goes_on_after_what_it_cannot_classify(tmp_path: Path) -> None:
    damaged, text = tmp_path / "damaged.jpg", tmp_path / "text.jpg"
    damaged.write_bytes(ESPRESSO.read_bytes()[:3000])
    text.write_text("text")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("predict", damaged, tmp_path / "missing.jpg", ESPRESSO, empty, text, ORANGE)
    assert done.returncode == 1
    assert [line.split("'")[-2] for line in done.stdout.splitlines()] == ['"espresso"', '"orange"']
    first, second, third, fourth = done.stderr.splitlines()
    assert first.startswith(f"error: {damaged}: The picture is damaged")
    assert second == f"error: {tmp_path}/missing.jpg: No such file or directory"
    assert third == f"error: {empty}: No picture in this folder"
    assert fourth.startswith(f"error: {text}: This is not a picture")


def test_predict_runs_from_any_folder(tmp_path: Path) -> None:
    shutil.copy(ESPRESSO, tmp_path / "my picture.jpg")
    done = run("predict", "my picture.jpg", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, """{'statusCode': 200, 'body': '"espresso"'}\n""")


def test_predict_takes_folders_patterns_and_stdin(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.jpg", "below/a.JPG", ".hidden.jpg", "notes.txt"):
        shutil.copy(ESPRESSO, tmp_path / name)
    with ESPRESSO.open("rb") as stdin:
        done = run("predict", "--json", tmp_path, tmp_path / "*" / "a.*", "-", stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    files = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert files == [f"{tmp_path}/b.jpg", f"{tmp_path}/below/a.JPG", f"{tmp_path}/below/a.JPG", "-"]


def test_predict_prints_a_line_for_people_on_a_terminal(tmp_path: Path) -> None:
    shutil.copy(ESPRESSO, tmp_path / "a\x1b[2J.jpg")
    ours, theirs = os.openpty()
    run("predict", "--top-k", "2", tmp_path, stdout=theirs)
    first, second, _ = os.read(ours, 4096).decode().split("\r\n")
    os.close(ours)
    os.close(theirs)
    name = f"{tmp_path}/a\\u001b[2J.jpg"
    assert re.fullmatch(re.escape(name) + r"  espresso  \d+\.\d %", first)
    assert re.fullmatch(" " * len(name) + r"  \w[\w ]+  \d+\.\d %", second)


def test_predict_prints_no_control_characters(tmp_path: Path) -> None:
    name = tmp_path / "a\x1b[2J\u202e.jpg"
    shutil.copy(ESPRESSO, name)
    done = run("predict", "--json", name, tmp_path / "b\x1b[2J.jpg")
    assert done.returncode == 1
    assert json.loads(done.stdout)["file"] == str(name)
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())


@pytest.mark.parametrize("command", [["serve"], ["predict", ESPRESSO]], ids=["serve", "predict"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PORT", "0"),
        ("WORKERS", "many"),
        ("LOG_LEVEL", "loud"),
        ("PICTURE_FORMATS", "EPS"),
        ("MODEL_PATH", "/nowhere"),
    ],
)
def test_a_bad_setting_is_refused(command: list[str | Path], setting: str, value: str) -> None:
    line = refused(run(*command, settings={setting: value}))
    assert f"{setting} must be " in line
    assert f"not '{value}'" in line


@pytest.mark.parametrize("command", [["serve"], ["predict", ESPRESSO]], ids=["serve", "predict"])
def test_a_damaged_model_is_refused(command: list[str | Path], model_folder: Path) -> None:
    content = bytearray((model_folder / "model.bin").read_bytes())
    content[1000] ^= 1
    (model_folder / "model.bin").write_bytes(content)
    line = refused(run(*command, settings={"MODEL_PATH": str(model_folder)}))
    assert f"{model_folder}/model.bin is not the file that was prepared" in line


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    done = run("serve", settings={"MODEL_PATH": str(tmp_path)})
    assert "is not a prepared model" in refused(done)


def test_the_version_is_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    done = run(option)
    assert done.returncode == 0
    for command in ("serve", "swap", "predict", "prepare", "doctor"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["predict"], ["predict", "--top-k", "0", ESPRESSO], ["serve", "x"]]
)
def test_a_wrong_command_line_shows_how(arguments: list[str | Path]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: " in done.stderr
