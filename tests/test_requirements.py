"""The lock files agree with each other, and serving's with the platforms of the images."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO


def pins(name: str) -> set[str]:
    """Return the pinned versions in a lock file."""
    lines = (REPO / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    return {line.removesuffix("\\").strip() for line in lines if "==" in line}


@pytest.mark.parametrize(
    ("name", "package"), [("tracing", "opentelemetry"), ("train", "scikit-learn")]
)
def test_the_extra_is_serving_and_more(name: str, package: str) -> None:
    assert pins("serve") < pins(name)
    assert not any(package in pin for pin in pins("serve"))
    assert any(package in pin for pin in pins(name))


def test_what_trains_networks_is_preparing_and_more() -> None:
    assert pins("prepare") < pins("finetune")
    assert any(pin.startswith("accelerate==") for pin in pins("finetune"))


@pytest.mark.parametrize(("python", "status"), [("{venv}/bin/python", 0), ("{fake}", 1)])
def test_another_python_than_the_environments_is_refused(
    python: str, status: int, tmp_path: Path
) -> None:
    venv, fake = tmp_path / "venv", tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "installed-serve.txt").write_bytes((REPO / "requirements/serve.txt").read_bytes())
    fake.write_text("#!/bin/sh\necho /usr/other 3.99\n")
    fake.chmod(0o755)
    told = {"VENV": str(venv), "PYTHON": python.format(venv=venv, fake=fake)}
    command = ["requirements/install.sh", "serve"]
    done = subprocess.run(command, cwd=REPO, env=os.environ | told, capture_output=True, text=True)
    assert done.returncode == status
    assert ("was made with another Python" in done.stderr) == (status == 1)


@pytest.mark.parametrize(
    "platform",
    ["x86_64-manylinux_2_40", "aarch64-manylinux_2_40", "x86_64-pc-windows-msvc"],
)
def test_every_package_exists_for_the_platform(platform: str, tmp_path: Path) -> None:
    wheels = ["--python-platform", platform, "--only-binary", ":all:"]
    image = ["--python-version", "3.13", "--target", str(tmp_path), *wheels]
    lock = ["--no-deps", "--require-hashes", "--requirement", "requirements/serve.txt"]
    done = subprocess.run(
        ["uv", "pip", "install", "--dry-run", *image, *lock],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f" + {next(pin for pin in pins('serve') if pin.startswith('openvino=='))}" in done.stderr
    assert ("waitress" in done.stderr) == ("windows" in platform)
