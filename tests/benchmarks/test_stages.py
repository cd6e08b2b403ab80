"""The app without decoding and inference, and the table of stages; nothing is measured here."""

from pathlib import Path

import requests

from benchmarks import stages
from tests.support.server import serving


def test_the_stubbed_app_serves_without_looking_at_the_picture(
    tmp_path: Path, espresso: bytes
) -> None:
    with serving(tmp_path, "benchmarks.stubbed", WORKERS="1") as server:
        response = requests.post(f"{server.url}/predict?top_k=2", espresso, timeout=30)
        assert [each["score"] for each in response.json()["predictions"]] == [0.005] * 2
        assert requests.post(f"{server.url}/predict", b"text", timeout=30).status_code == 415


def test_the_stubbed_stack_is_started_as_the_real_one() -> None:
    assert "-m benchmarks.stubbed &" in stages.STUBBED.command
    assert "nginx/start.sh" in stages.STUBBED.command


def test_cpu_time_is_counted_by_call() -> None:
    calls: list[int] = []
    assert stages.cpu_ms(calls.append, 0.01) < 10
    assert calls == list(range(len(calls)))


def test_the_table_has_a_line_for_each_stage() -> None:
    text = stages.table({"cpu_ms": {"NGINX": 0.35, "decoding": 2.3, "whole stack": 26.1}})
    assert text.splitlines()[1:] == [
        "   0.35     1%  NGINX",
        "   2.30     9%  decoding",
        "  26.10   100%  whole stack",
    ]
