"""The pure part of the benchmark of overload: summing up requests and responses."""

import pytest

from benchmarks import overload


def test_responses_are_summed_up_by_status() -> None:
    rows = [(10.0 * number, "200", float(number + 1)) for number in range(100)]
    rows += [(1000.0 + 10 * number, "503", 2.0) for number in range(50)]
    found = overload.summary(rows, 10, 10)
    assert found["goodput_per_s"] == 10
    assert found["sent_late_ms"] == 0
    assert found["answers"]["200"]["count"] == 100
    assert 99 <= found["answers"]["200"]["p99_ms"] <= 100
    assert found["answers"]["503"] == {"count": 50, "p50_ms": 2.0, "p99_ms": 2.0}


def test_a_latency_counts_from_when_its_request_was_due() -> None:
    found = overload.summary([(0.0, "200", 5.0), (40.0, "200", 5.0)], 10, 1)
    assert found["sent_late_ms"] == 30
    assert found["answers"]["200"]["p99_ms"] == pytest.approx(35, abs=1)


def test_a_server_that_does_not_respond_has_no_goodput() -> None:
    found = overload.summary([(0.0, "-1", 1.0)], 10, 10)
    assert found["goodput_per_s"] == 0
    assert found["answers"]["-1"]["count"] == 1
