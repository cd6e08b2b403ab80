"""Facts of made-up machines, and of this one's ports."""

import os
import resource
import socket
from pathlib import Path

import pytest

from inference_app.doctor import machine
from tests.support.server import free_port


def test_the_features_that_matter_are_found(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "model name\t: X\nflags\t\t: fpu avx2 amx_bf16 sse\n\nflags\t: avx512f\n"
    )
    assert machine.cpu_features(tmp_path) == ["avx2", "amx_bf16"]
    (tmp_path / "cpuinfo").write_text("Features\t: fp asimd bf16\n")
    assert machine.cpu_features(tmp_path) == ["asimd", "bf16"]
    assert machine.cpu_features(tmp_path / "away") == []


@pytest.mark.parametrize(("text", "expected"), [("2048", 2048), ("max", None)])
def test_the_limit_of_processes_is_read(tmp_path: Path, text: str, expected: int | None) -> None:
    (tmp_path / "pids.max").write_text(text + "\n")
    assert machine.processes(tmp_path) == expected


def test_the_limit_of_open_files_is_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for hard, expected in ((4096, 4096), (resource.RLIM_INFINITY, None)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (64, hard))
        assert machine.open_files() == expected


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_who_listens_is_named(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        port = listening.getsockname()[1]
        assert machine.listener(port).endswith(f" (pid {os.getpid()})")
    assert machine.listener(free_port()) == "another program"
