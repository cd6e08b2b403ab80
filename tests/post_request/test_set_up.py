"""The script that prepares the client, run in a copy of its folder."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.post_request.command import SCRIPT, environment, picture
from tests.post_request.planned import TABBY, Server

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and terminals")
NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("requirements.txt", {"requests", "rich"}),
        ("requirements-load.txt", {"requests", "rich", "locust"}),
    ],
)
def test_requirements_are_exact_and_without_an_index(file: str, wanted: set[str]) -> None:
    lines = (SCRIPT.parent / file).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert wanted <= {pin.partition("==")[0] for pin in pins}
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; [^/@]+)?", pin), pin


def set_up(script: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, script.name, *arguments],
        cwd=script.parent,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def setup_script(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    for file in SCRIPT.parent.glob("*.*"):
        shutil.copy(file, folder)
    return folder / "pre_post_request.sh"


@NEEDS_BASH
def test_set_up_makes_a_client_that_works_and_may_run_again(
    server: Server, setup_script: Path
) -> None:
    # A virtual environment left half made is made anew.
    (setup_script.parent / ".venv" / "bin").mkdir(parents=True)
    first = set_up(setup_script)
    assert first.returncode == 0, first.stderr
    (config,) = setup_script.parent.glob(".venv/pyvenv.cfg")
    made = config.stat().st_mtime_ns
    second = set_up(setup_script)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    assert config.stat().st_mtime_ns == made

    picture(setup_script.parent / "images" / "cat.jpg")
    command = first.stdout.splitlines()[-1].strip()
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=setup_script.parent,
        env=environment(PREDICT_URL=server.url),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == TABBY.body.decode()


def path_with(folder: Path, **programs: str) -> str:
    """Return a PATH that holds only dirname and these shell scripts."""
    folder.mkdir()
    (folder / "dirname").symlink_to(shutil.which("dirname") or "")
    for name, body in programs.items():
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@NEEDS_BASH
@POSIX_ONLY
@pytest.mark.parametrize("programs", [{}, {"python3": "exit 1", "python": "exit 1"}])
def test_set_up_without_a_new_enough_python(
    setup_script: Path, tmp_path: Path, programs: dict[str, str]
) -> None:
    done = set_up(setup_script, PATH=path_with(tmp_path / "bin", **programs))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "pre_post_request.sh: "
        "Python 3.11 or newer is needed, and none of python3, python and py is one"
    ]


@NEEDS_BASH
@POSIX_ONLY
def test_set_up_without_the_venv_module(setup_script: Path, tmp_path: Path) -> None:
    programs = {"python3": "exit 1", "python": '[[ "$*" != *ensurepip* ]]'}
    done = set_up(setup_script, PATH=path_with(tmp_path / "bin", **programs))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "pre_post_request.sh: python has no venv module "
        "(on Debian and Ubuntu: apt install python3-venv)"
    ]
    assert not (setup_script.parent / ".venv").exists()


@NEEDS_BASH
def test_set_up_for_something_unknown(setup_script: Path) -> None:
    done = set_up(setup_script, "everything")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["pre_post_request.sh: usage: pre_post_request.sh [load]"]
