"""Processes are counted and stopped, even those that left their parent."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes
from tests.support.server import wait_until

# A shell with a child, a child that leaves it (setsid) with one of its own, and a busy one.
COMMAND = """
sleep 300 &
(setsid bash -c 'sleep 301 & sleep 302' &)
while :; do :; done &
wait
"""


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def shell(tmp_path: Path, mark: str) -> Iterator[subprocess.Popen[bytes]]:
    process = processes.start(COMMAND, os.environ | {processes.MARK: mark}, tmp_path)
    yield process
    processes.stop(process, mark, 1)


def commands(shell: subprocess.Popen[bytes], mark: str) -> list[str]:
    family = processes.family(shell.pid, mark)
    return sorted(command for pid in family if "sleep" in (command := processes.command(pid))[:5])


def test_a_family_is_known_by_parents_and_by_mark(
    shell: subprocess.Popen[bytes], mark: str
) -> None:
    everyone = ["sleep 300", "sleep 301", "sleep 302"]
    wait_until(lambda: commands(shell, mark) == everyone, "all have started")
    assert commands(shell, "of another") == ["sleep 300"]
    assert shell.pid in processes.family(shell.pid, mark)
    assert os.getpid() not in processes.family(shell.pid, mark)


def test_none_is_left_after_a_stop(shell: subprocess.Popen[bytes], mark: str) -> None:
    wait_until(lambda: len(commands(shell, mark)) == 3, "all have started")
    processes.stop(shell, mark, 1)
    assert shell.poll() is not None
    assert processes.family(shell.pid, mark) == set()


def test_memory_and_time_are_sums_of_those_that_exist(
    shell: subprocess.Popen[bytes], mark: str
) -> None:
    wait_until(lambda: len(commands(shell, mark)) == 3, "all have started")
    pids = processes.family(shell.pid, mark)
    assert processes.pss_mb([*pids, 2**30]) > processes.pss_mb([shell.pid]) > 0
    before = processes.cpu_seconds(pids)
    wait_until(lambda: processes.cpu_seconds([*pids, 2**30]) > before, "one is busy")


def test_children_come_oldest_first_and_none_of_what_has_ended() -> None:
    with subprocess.Popen(["sleep", "300"]) as first, subprocess.Popen(["sleep", "300"]) as second:
        found = processes.children(os.getpid())
        assert found.index(first.pid) < found.index(second.pid)
        first.kill()
        second.kill()
    assert processes.children(first.pid) == []
    assert processes.command(first.pid) == ""


def test_it_settles_when_none_is_busy(tmp_path: Path, mark: str) -> None:
    busy = "timeout 1 bash -c 'while :; do :; done'; sleep 300"
    process = processes.start(busy, os.environ | {processes.MARK: mark}, tmp_path)
    try:
        wait_until(lambda: processes.cpu_seconds(processes.family(process.pid, mark)) > 0.1, "busy")
        processes.settle(process.pid, mark, patience=60, busy=0.01)
        assert commands(process, mark) == ["sleep 300"]
    finally:
        processes.stop(process, mark, 1)
