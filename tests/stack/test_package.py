"""The wheel: built, installed and asked, on the oldest and the newest Python that is supported."""

import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from inference_app.version import __version__
from tests.conftest import ESPRESSO, REPO
from tests.support.server import environment, free_port, wait_until

OLDEST, NEWEST, NEXT = "3.11", "3.13", "3.14"
NOT_SHIPPED = {"Dockerfile", "serve.sh", "prepare/prepare.sh"}  # they need a checkout
UV = shutil.which("uv") or "uv"


def interpreter(version: str) -> Path:
    """Return a Python of this version that runs: pyenv's programs on the PATH may not."""
    places = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    places += Path.home().glob(".pyenv/versions/*/bin")
    for python in (place / f"python{version}" for place in places):
        if python.exists() and subprocess.run([python, "-c", ""]).returncode == 0:
            return python
    pytest.skip(f"there is no Python {version} on this machine")


@pytest.fixture(scope="session")
def distributions(
    make_checkout: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Build the source distribution, and the wheel from it, out of a checkout."""
    built = tmp_path_factory.mktemp("dist")
    command = [UV, "build", "--quiet", "--out-dir", str(built)]
    subprocess.run(command, cwd=make_checkout(), check=True)
    return built


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (wheel,) = distributions.glob("*.whl")
    return wheel


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "inference_app"]
    run = subprocess.run(listing, cwd=REPO, capture_output=True, text=True, check=True)
    tracked = [name for name in run.stdout.splitlines() if (REPO / name).exists()]
    wanted = set(tracked) - {f"inference_app/{name}" for name in NOT_SHIPPED}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("inference_app/")}
    assert held == wanted


def test_the_source_distribution_can_be_built_from(distributions: Path) -> None:
    (source,) = distributions.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "inference_app/bundled/model.bin"} <= names


@pytest.fixture(scope="session", params=[OLDEST, NEWEST])
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Install the wheel into a fresh environment; return the folder of its programs."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run(
        [UV, "venv", "--quiet", "--python", interpreter(request.param), venv], check=True
    )
    python = str(venv / "bin" / "python")
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, str(wheel)], check=True)
    return venv / "bin"


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[str]:
    """Serve from an empty folder, as somebody does that has no checkout."""
    port = free_port()
    settings = environment(PORT=str(port), WORKERS="1")
    del settings["PYTHONPATH"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [installed / "inference-app", "serve"],
            cwd=tmp_path,
            env=settings,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or _ready(url), (tmp_path / "log").read_text)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_the_installed_package_serves(served: str) -> None:
    answer = requests.post(f"{served}/predict", ESPRESSO.read_bytes(), timeout=30)
    assert answer.json()["response"]["body"] == '"espresso"'
    html = {"Accept": "text/html"}
    assert "<!doctype html>" in requests.get(served, headers=html, timeout=30).text.lower()
    for path in ("/docs", "/docs/swagger-ui.css", "/docs/start.js", "/openapi.json", "/labels"):
        assert requests.get(served + path, timeout=30).status_code == 200, path


def test_the_installed_program_knows_its_version(installed: Path) -> None:
    run = subprocess.run([installed / "inference-app", "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, __version__)


def test_openvino_reports_nothing_home(installed: Path, tmp_path: Path) -> None:
    program = (
        "import sys, threading\n"
        "import importlib.util as found\n"
        "assert found.find_spec('openvino_telemetry'), 'openvino brings it along'\n"
        "from inference_app.model import engine\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([installed / "python", "-c", program], cwd=tmp_path, check=True)


def test_preparing_is_an_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    assert "Provides-Extra: prepare\n" in metadata
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: torch>")]
    assert len(needed) == 1
    assert needed[0].endswith("extra == 'prepare'") or needed[0].endswith('extra == "prepare"')


def test_the_next_python_has_wheels_of_all_that_is_needed(wheel: Path, tmp_path: Path) -> None:
    command = [UV, "pip", "install", "--dry-run", "--python-version", NEXT]
    command += ["--only-binary", ":all:", "--target", str(tmp_path), str(wheel)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
