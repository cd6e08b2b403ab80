"""The pure parts of the benchmark of workers and sizes; it measures nothing here."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import growth


@pytest.fixture
def results() -> dict[str, Any]:
    rows = [{"images_per_s": 60.4 * n, "pss_mb": 50 + 200.04 * n, "p50_ms": 9.1} for n in (1, 2, 3)]
    return {
        "machine": {"cores": 2},
        "clients": 16,
        "workers": [{"workers": n} | row for n, row in enumerate(rows, 1)],
        "workers_by_default": 2,
        "megapixels": [
            {"megapixels": size} | row for size, row in zip((0.25, 3, 12), rows, strict=True)
        ],
    }


def test_each_further_worker_s_memory(results: dict[str, Any]) -> None:
    assert growth.further(results["workers"]) == [200.0, 200.0]


def test_picture_is_the_same_for_the_same_figures(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        growth.draw(results, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_picture_says_its_units(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    growth.draw(results, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text("utf-8")
    for label in (
        "images/s with 16 clients",
        "memory of the whole stack (PSS), MB",
        "workers, on 2 cores",
        "megapixels of a JPEG, 2 workers",
    ):
        assert label in text
