"""The lock files agree with each other, and serving's with the platforms of the images."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPO


def pins(name: str) -> set[str]:
    """Return the pinned versions in a lock file."""
    lines = (REPO / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    return {line.removesuffix("\\").strip() for line in lines if "==" in line}


def test_tracing_is_serving_and_more() -> None:
    assert pins("serve") < pins("tracing")
    assert not any("opentelemetry" in pin for pin in pins("serve"))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_images_packages_exist_for_both_platforms(machine: str, tmp_path: Path) -> None:
    wheels = ["--python-platform", f"{machine}-manylinux_2_40", "--only-binary", ":all:"]
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
