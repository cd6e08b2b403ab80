"""Where clients are installed that are none of this project's packages: `.venv-clients`.

Python's are those of the dependency group `clients`, locked in `requirements.txt` beside this file;
Node's are in `node/package-lock.json`. Both are installed when a test first needs them, and again
when a lock changes. What is too large to be among them has a group, a lock and a folder of its own.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

HERE = Path(__file__).parent
FOLDER = REPO / ".venv-clients"
PROGRAMS = HERE / "programs"
LOCK = HERE / "requirements.txt"
NODE_LOCK = HERE / "node" / "package-lock.json"


def python(group: str = "") -> Path:
    """Return the Python that has the clients, or those of a group, once they are installed."""
    folder, lock = (REPO / f".venv-{group}", HERE / f"{group}.txt") if group else (FOLDER, LOCK)
    found = folder / "bin" / "python"
    if not _is_current(folder, lock):
        uv = shutil.which("uv") or Path(sys.executable).with_name("uv")
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
        _run(uv, "pip", "install", "--quiet", "--python", found, "--requirement", lock)
        _seal(folder, lock)
    return found


def node() -> Path:
    """Return the folder of Node's clients, once they are installed, with none of their scripts."""
    folder = FOLDER.with_name(".venv-clients-node")
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Node: apt-get install nodejs npm")
    if not _is_current(folder, NODE_LOCK):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(NODE_LOCK.parent, folder)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder)
        _seal(folder, NODE_LOCK)
    return folder


def run_python(program: str, *arguments: str, group: str = "", **environment: str) -> str:
    """Run one of the programs with the Python that has the clients; return what it prints."""
    return _run(python(group), PROGRAMS / program, *arguments, **environment)


def run_tool(name: str, *arguments: str) -> str:
    """Run a command that one of the clients brings; return what it prints."""
    return _run(python().with_name(name), *arguments)


def run_node(program: str, *arguments: str, **environment: str) -> str:
    """Run one of the programs with Node, which finds the clients; return what it prints."""
    folder = node()
    shutil.copyfile(PROGRAMS / program, folder / program)  # Node looks for packages beside it
    return _run("node", folder / program, *arguments, **environment)


def run_newman(collection: Path, *arguments: str) -> str:
    """Run a collection of Postman's; return what newman prints. It fails as the collection does."""
    newman = node() / "node_modules" / "newman" / "bin" / "newman.js"
    return _run("node", newman, "run", collection, "--disable-unicode", *arguments)


def _run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def _is_current(folder: Path, lock: Path) -> bool:
    sealed = folder / "installed"
    return sealed.exists() and sealed.read_text() == _digest(lock)


def _seal(folder: Path, lock: Path) -> None:
    (folder / "installed").write_text(_digest(lock))


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()
