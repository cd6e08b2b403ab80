"""int8 beside bf16: what is made of the loads that were measured."""

from typing import Any, cast

import pytest

from benchmarks import int8
from benchmarks.ours import STACK
from benchmarks.serving import Running
from benchmarks.wrk import Load


class Measured:
    """A server that is said to have served these images/s, load by load."""

    server = STACK

    def __init__(self, rates: list[float], url: str = "") -> None:
        self._rates, self.url, self.cpu_seconds = iter(rates), url, 0.0

    def load(self, clients: int, _seconds: int) -> Load:
        """Return the next, whose 10 responses take all the time of one core."""
        rate = next(self._rates)
        self.cpu_seconds += 10 / rate
        return Load(clients, 10, rate, 8.0, 12.5, 1, 1, 0.01)


@pytest.fixture(autouse=True)
def _cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "_cpu_seconds", lambda running: running.cpu_seconds)


def in_turn(**rates: list[float]) -> dict[str, Any]:
    running = {name: cast("Running", Measured(each)) for name, each in rates.items()}
    return int8._in_turn(running, 4, 1)


def test_ratios_are_of_loads_that_followed_each_other() -> None:
    found = in_turn(bf16=[10, 10, 20, 20, 20], int8=[20, 19, 36, 60, 41])
    assert found["ratios"] == [2.0, 1.9, 1.8, 3.0, 2.05]
    assert found["ratio"] == found["cpu_ratio"] == 2.0
    assert found["bf16"]["cpu_ms"] == 50
    assert found["int8"]["images_per_s"] == 36
    assert found["bf16"]["errors"] == 10


def test_the_table_has_a_row_for_each_number_of_clients() -> None:
    found = in_turn(bf16=[10.0] * 5, int8=[19.0] * 5)
    *_, row = int8.table({"clients": {"4": found}}).splitlines()
    assert row == "| 4 | 10.0; 8.0, 12.5, 100.0 | 19.0; 8.0, 12.5, 52.6 | 1.90 | 1.90 |"


@pytest.mark.parametrize(
    ("limit_ms", "status", "highest"), [(10_000, b"200", 60), (0, b"200", 0), (10_000, b"503", 0)]
)
def test_a_rate_counts_while_all_is_answered_in_time(
    monkeypatch: pytest.MonkeyPatch, url: str, limit_ms: float, status: bytes, highest: float
) -> None:
    monkeypatch.setattr(int8, "RATES", (30, 60))
    monkeypatch.setattr(int8, "RATE_SECONDS", 0.2)
    monkeypatch.setattr(int8, "P99_MS", limit_ms)
    running = Measured([], url)
    monkeypatch.setattr(type(STACK), "encode", lambda _, picture: picture)
    assert int8.highest_rate(cast("Running", running), [status]) == highest
