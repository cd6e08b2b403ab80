"""How many CPUs this process may use: the smaller of its affinity and its cgroup's quota."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = CGROUP) -> int:
    """Return the whole number of CPUs worth starting threads for, at least 1.

    A container limited to 2 CPUs on a 64-core host sees 64 cores; threads for all of them would
    spend their time throttled.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(affinity or 1, _quota(cgroup)))


def cpus_of_worker(slot: int, workers: int, cgroup: Path = CGROUP) -> set[int]:
    """Return the CPUs that worker `slot` of `workers` handles its requests on.

    A thread that moves to another core leaves its caches behind. Where the workers have all CPUs
    to themselves, each keeps to its share of them; where they have not, say as one of several
    replicas with a quota each, all might choose the same: there they keep to none.
    """
    cpus = sorted(os.sched_getaffinity(0))
    if available_cpus(cgroup) < len(cpus) or len(cpus) % workers:
        return set(cpus)
    share = len(cpus) // workers
    return set(cpus[slot * share : (slot + 1) * share])


def _quota(cgroup: Path) -> int:
    """CPU time per wall time that the kernel grants, rounded up; very large where unlimited.

    Source: the Linux kernel's cgroup v2 (``cpu.max``) and v1 (``cpu.cfs_quota_us``) documents.
    """
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            quota, period = "max", "1"
    unlimited = quota == "max" or int(quota) <= 0
    return 1 << 30 if unlimited else math.ceil(int(quota) / int(period))
