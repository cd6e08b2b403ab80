"""The memory of made-up machines."""

from pathlib import Path

import pytest

from inference_app.memory import available_memory


@pytest.mark.parametrize(
    ("file", "limit", "expected"),
    [
        ("memory.max", "536870912", 536870912),
        ("memory.max", "max", 2048 * 1024),
        ("memory/memory.limit_in_bytes", "1000000", 1000000),
        ("memory/memory.limit_in_bytes", "9223372036854771712", 2048 * 1024),
        ("nothing", "", 2048 * 1024),
    ],
)
def test_memory_is_the_smallest_limit(tmp_path: Path, file: str, limit: str, expected: int) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / file).write_text(limit + "\n")
    (tmp_path / "meminfo").write_text("MemFree: 1 kB\nMemTotal:        2048 kB\n")
    if expected == 536870912:
        (tmp_path / "meminfo").write_text("MemTotal: 16777216 kB\n")
    assert available_memory(tmp_path, tmp_path) == expected


def test_memory_may_be_unknown(tmp_path: Path) -> None:
    assert available_memory(tmp_path, tmp_path) is None
