"""The client's command, run as a user runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPO

FOLDER = REPO / "post_request"
SCRIPT = FOLDER / "post_request.py"


def picture(path: Path, data: bytes = b"picture") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def environment(**more: str) -> dict[str, str]:
    unwanted = {
        "PREDICT_URL",
        "PREDICT_API_KEY",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "PYTHONIOENCODING",
    }
    kept = {name: text for name, text in os.environ.items() if name not in unwanted}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | more


@dataclass
class Result:
    """What a run of the command left."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


def run(*arguments: str, cwd: Path | None = None, **env: str) -> Result:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        cwd=cwd,
        env=environment(**env),
        timeout=60,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def cells(result: Result, file: str) -> str:
    """Return the table's row of a file."""
    (row,) = (line for line in result.lines if file in line)
    return row
