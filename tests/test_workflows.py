"""GitHub's workflows, as far as they can be checked without running them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inference_app.version import __version__
from tests.conftest import REPO
from tests.support.readme import commands

FOLDER = REPO / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.iterdir())


def load(path: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return workflow


def scripts(path: Path) -> list[str]:
    """Return what its steps run."""
    jobs = load(path)["jobs"].values()
    return [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]


def check(*command: str | Path, given: str | None = None) -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_its_keys_are_those_of_workflows(path: Path) -> None:
    check("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_foreign_can_steer_it(path: Path) -> None:
    check("zizmor", "--offline", "--no-progress", "--min-severity", "medium", path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_its_scripts(path: Path) -> None:
    for script in scripts(path):
        check("shellcheck", "--shell", "bash", "--exclude", "SC2155", "-", given=script)


def test_a_release_is_made_as_the_document_says() -> None:
    released = "\n".join(scripts(FOLDER / "release.yml"))
    for line in commands("docs/releasing.md")["The images"][1:4]:
        assert line in released


def test_the_tag_is_compared_with_the_version() -> None:
    (compare,) = [script for script in scripts(FOLDER / "release.yml") if "grep" in script]
    for tag, status in ((f"v{__version__}", 0), ("v99.0.0", 1)):
        told = os.environ | {"GITHUB_REF_NAME": tag}
        done = subprocess.run(["bash", "-c", compare], cwd=REPO, env=told, capture_output=True)
        assert done.returncode == status


def test_nothing_is_pushed_untested() -> None:
    jobs = load(FOLDER / "release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "test"
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert not any("push" in script or "login" in script for script in scripts(FOLDER / "test.yml"))


def test_what_is_scanned_is_what_was_built() -> None:
    steps = load(FOLDER / "test.yml")["jobs"]["images"]["steps"]
    scanned = [step["with"]["image"] for step in steps if "scan-action" in step.get("uses", "")]
    assert scanned == ["inference_app:bundled", "inference_nginx:latest"]
