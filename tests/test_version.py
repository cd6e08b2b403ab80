"""The version stands where the tool that raises it knows, and nowhere else."""

import re
import subprocess
import tomllib

from inference_app.version import __version__
from tests.conftest import REPO

TOOL = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["bumpversion"]
# What tells of the past, and of other packages' versions.
OTHERS = ("CHANGELOG.md", "benchmarks/results/", "tests/clients/node/package-lock.json")


def test_the_tool_knows_the_version_that_is_served() -> None:
    assert TOOL["current_version"] == __version__


def test_no_other_file_states_the_version() -> None:
    word = rf"(^|[^0-9.]){re.escape(__version__)}($|[^0-9.])"
    grep = ["git", "grep", "--name-only", "-I", "--extended-regexp", word]
    found = subprocess.run(grep, cwd=REPO, capture_output=True, text=True, check=True).stdout
    stating = {file for file in found.splitlines() if not file.startswith(OTHERS)}
    assert stating == {each["filename"] for each in TOOL["files"]} | {"pyproject.toml"}


def test_the_tool_can_raise_it() -> None:
    dry = ["bump-my-version", "bump", "--dry-run", "--allow-dirty", "--verbose", "minor"]
    done = subprocess.run(dry, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changed = re.findall(r"Would change file (\S+):", done.stderr + done.stdout)
    assert set(changed) >= {each["filename"] for each in TOOL["files"]}


def test_the_changelog_begins_with_the_version() -> None:
    text = (REPO / "CHANGELOG.md").read_text("utf-8")
    assert re.match(rf"# Changelog\n\n## {re.escape(__version__)}\b", text)
