"""What the figures were measured on."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def facts() -> dict[str, object]:
    """Return the machine, the software outside the environments, and the time."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": processor[1] if processor else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "bf16": "avx512_bf16" in Path("/proc/cpuinfo").read_text(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "wrk": _first_line("wrk", "-v"),
        "nginx": _first_line("/usr/sbin/nginx", "-v"),
        "java": _first_line("java", "-version"),
        "commit": _first_line("git", "describe", "--always", "--dirty"),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "missing"
    return (done.stdout or done.stderr).partition("\n")[0].strip()
