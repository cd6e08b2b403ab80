"""A stack that runs, and the environment that one is started in."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.conftest import REPO


@dataclass(frozen=True)
class Stack:
    """A running stack: where it listens, the checkout it runs from, what it printed."""

    url: str
    checkout: Path
    output: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without settings of the service, plus `settings`."""
    own = (REPO / ".env.example").read_text().splitlines()
    names = {line.split("=")[0] for line in own if "=" in line and not line.startswith("#")}
    names |= {"MODEL_PATH", "PORT", "HOST", "VIRTUAL_ENV", "VENV"}
    return {name: value for name, value in os.environ.items() if name not in names} | settings


def answers(url: str) -> bool:
    """Return whether a server at `url` says that it is ready."""
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def workers(stack: Stack) -> list[int]:
    """Return the process ids of Gunicorn's workers, from the lines they wrote when ready."""
    lines = [line for line in stack.output.read_text().splitlines() if "worker ready" in line]
    pids = [int(json.loads(line)["pid"]) for line in lines]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
