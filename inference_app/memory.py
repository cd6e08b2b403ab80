"""How much memory this process may use: the smaller of the machine's and its cgroup's limit."""

import re
from pathlib import Path

from inference_app.cpus import CGROUP

PROC = Path("/proc")


def available_memory(cgroup: Path = CGROUP, proc: Path = PROC) -> int | None:
    """Return the bytes that a replica may use, or None where that is not known.

    Source: the Linux kernel's cgroup v2 (``memory.max``) and v1 (``memory.limit_in_bytes``)
    documents, and proc_meminfo(5).
    """
    total = re.search(r"^MemTotal:\s+(\d+) kB", read_text(proc / "meminfo"), re.MULTILINE)
    limits = [
        int(total[1]) * 1024 if total else None,
        read_limit(cgroup / "memory.max"),
        read_limit(cgroup / "memory/memory.limit_in_bytes"),
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def read_limit(path: Path) -> int | None:
    """Return the number in a file of a cgroup, or None where there is no limit."""
    text = read_text(path).strip()
    return int(text) if text.isdecimal() else None  # "max" is none


def read_text(path: Path) -> str:
    """Return the text of a file, or nothing where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
