"""How many CPUs a process may use, told from made-up cgroup files."""

import os
from pathlib import Path

import pytest

from inference_app.cpus import available_cpus, cpus_of_worker


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("cpu_max", "cpus"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("6400000 100000", 8),
        ("max 100000", 8),
        ("nonsense", 8),
    ],
)
def test_a_quota_of_cgroup_v2_is_rounded_up(tmp_path: Path, cpu_max: str, cpus: int) -> None:
    (tmp_path / "cpu.max").write_text(cpu_max + "\n")
    assert available_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("300000", 3), ("250000", 3), ("-1", 8), ("0", 8)])
def test_a_quota_of_cgroup_v1_is_read(tmp_path: Path, quota: str, cpus: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == cpus


def test_without_a_cgroup_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "missing") == 8


@pytest.mark.parametrize(("cores", "cpus"), [(5, 5), (None, 1)])
def test_without_affinity_the_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int | None, cpus: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert available_cpus(tmp_path) == cpus


@pytest.mark.parametrize(
    ("workers", "shares"),
    [
        (8, [{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}]),
        (4, [{0, 1}, {2, 3}, {4, 5}, {6, 7}]),
        (1, [set(range(8))]),
        (3, [set(range(8))] * 3),  # they cannot share alike
        (16, [set(range(8))] * 16),
    ],
)
def test_workers_keep_to_their_share(tmp_path: Path, workers: int, shares: list[set[int]]) -> None:
    assert [cpus_of_worker(slot, workers, tmp_path) for slot in range(workers)] == shares


def test_under_a_quota_workers_keep_to_no_cpu(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("400000 100000\n")
    assert cpus_of_worker(0, 4, tmp_path) == set(range(8))
