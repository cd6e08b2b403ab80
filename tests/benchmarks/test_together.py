"""Several pictures in one request; nothing is measured here."""

import pytest

from benchmarks import together
from inference_app.config import BUNDLED_MODEL


def test_the_medians_are_compared() -> None:
    found = together._summary([(0.1, 0.2), (0.2, 0.3), (0.3, 0.9)])
    assert found == {"together_ms": 200, "apart_ms": 300, "times_as_fast": 1.5}


def test_every_count_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "ROUNDS", 1)
    monkeypatch.setattr(together, "WARM_UP", 1)
    found = together.measure(BUNDLED_MODEL)["by_pictures"]
    assert isinstance(found, dict)
    assert list(found) == list(together.COUNTS)
    assert all(each["times_as_fast"] > 0 for each in found.values())
