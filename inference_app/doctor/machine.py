"""What the machine has and grants: CPU features, processes, ports."""

import re
from pathlib import Path

from inference_app.cpus import CGROUP
from inference_app.memory import PROC, read_limit, read_text

# Those that OpenVINO's speed depends on, as Linux calls them on x86 and on Arm.
_FEATURES = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimd", "asimddp", "sve", "bf16",
)  # fmt: skip
# Those that multiply in int8 and add up in 32 bits, in one instruction.
INT8 = {"avx_vnni", "avx512_vnni", "amx_int8", "asimddp"}


def in_container() -> bool:
    """Tell whether this process runs in a container of Docker's or Podman's."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def cpu_features(proc: Path = PROC) -> list[str]:
    """Return what the first CPU can do of what matters here; nothing where it is not known."""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", read_text(proc / "cpuinfo"), re.MULTILINE)
    has = found[1].split() if found else []
    return [feature for feature in _FEATURES if feature in has]


def processes(cgroup: Path = CGROUP) -> int | None:
    """Return how many processes and threads the container may have, or None for any number."""
    limits = [read_limit(cgroup / "pids.max"), read_limit(cgroup / "pids/pids.max")]
    return min((limit for limit in limits if limit is not None), default=None)


def open_files() -> int | None:
    """Return how many files a process may open after raising its limit, or None for any number."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def listener(port: int, proc: Path = PROC) -> str:
    """Return the program that listens on a port, if this user may know: ``nginx (pid 12)``."""
    sockets = _listening(port, proc)
    for process in proc.glob("[0-9]*"):
        try:
            if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                return f"{read_text(process / 'comm').strip()} (pid {process.name})"
        except OSError:  # another user's, or gone
            continue
    return "another program"


def _listening(port: int, proc: Path) -> set[str]:
    """Return the sockets in state LISTEN; proc_pid_net(5): local address, state 0A, inode."""
    lines = read_text(proc / "net/tcp") + read_text(proc / "net/tcp6")
    row = rf"^\s*\d+: [0-9A-F]+:{port:04X} \S+ 0A (?:\S+ +){{5}}(\d+) "
    return {f"socket:[{inode}]" for inode in re.findall(row, lines, re.MULTILINE)}
