"""A virtual environment for each server and engine, below benchmarks/.venvs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

VENVS = Path(__file__).parent / ".venvs"


def install(name: str, requirements: list[Path]) -> Path:
    """Make or update an environment; return its folder. Raises RuntimeError."""
    folder = VENVS / name
    if not (folder / "bin/python").exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
    _uv("pip", "sync", "--quiet", *map(str, requirements), "--python", str(folder / "bin/python"))
    return folder


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if uv is None:
        raise RuntimeError("uv is missing: pip install uv")
    done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(arguments[:2])}: {done.stderr.strip()[-400:]}")


def size_mb(folder: Path) -> int:
    """Return what the environment takes on disk, in MB."""
    du = shutil.which("du") or "du"
    done = subprocess.run(
        [du, "-s", "-B1", str(folder)], capture_output=True, text=True, check=True
    )
    return round(int(done.stdout.split()[0]) / 1e6)


def versions(requirements: list[Path], packages: tuple[str, ...]) -> dict[str, str]:
    """Return the pinned versions of these packages, as far as they are pinned."""
    text = "\n".join(file.read_text() for file in requirements)
    pins = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", text, re.MULTILINE))
    return {name: pins[name] for name in packages if name in pins}


def base_environment() -> dict[str, str]:
    """Return what a server needs of the surroundings, and nothing that would change it."""
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
