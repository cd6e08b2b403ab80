"""The pure parts of the side-by-side benchmark; it measures nothing here."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import bodies, environments, wrk
from benchmarks.__main__ import cli
from benchmarks.peers import report
from benchmarks.peers.servers import SERVERS
from benchmarks.servers import Tuning

REPORT = """Running 4s test @ http://127.0.0.1:43211/predict
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   161.44ms   60.10ms 400.11ms   72.89%
    Req/Sec    98.50     29.54   171.00     67.50%
  Latency Distribution
     50%  151.18ms
     75%  193.35ms
     90%  240.00ms
     99%    1.05s{space}
  {requests} requests in 4.00s, 104.22KB read
{errors}Requests/sec:     97.51
Transfer/sec:     25.99KB
"""
ERRORS = "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 100\n"


def fill(requests: int = 390, errors: str = "") -> str:
    return REPORT.format(space=" ", requests=requests, errors=errors)


def test_wrk_report_is_read() -> None:
    load = wrk.parse(fill(), 16, 0.00812)
    assert (load.answers, load.images_per_s) == (390, 97.5)
    assert (load.p50_ms, load.p99_ms) == (151.18, 1050)
    assert (load.errors, load.client_cpu_share) == (0, 0.0081)


def test_failed_responses_are_errors_and_not_images() -> None:
    load = wrk.parse(fill(errors=ERRORS), 16, 0)
    assert (load.non_2xx, load.socket_errors, load.errors) == (100, 6, 106)
    assert load.images_per_s == 72.5


def test_no_responses_have_no_percentiles() -> None:
    load = wrk.parse(fill(requests=0), 64, 0)
    assert (load.images_per_s, load.p50_ms, load.p99_ms) == (0, None, None)


def test_other_text_is_not_a_report() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1", 1, 0)


@pytest.mark.parametrize(("text", "expected"), [("12.5us", 1.25e-5), ("2.00m", 120), ("1.5s", 1.5)])
def test_times(text: str, expected: float) -> None:
    assert wrk.seconds(text) == pytest.approx(expected)


def test_multipart_names_the_field() -> None:
    body = bodies.encode(b"photo", "multipart", "images")
    assert b'name="images"' in body
    assert bodies.content_type("multipart").partition("boundary=")[2].encode() in body


def test_raw_and_v2_bodies() -> None:
    assert bodies.encode(b"photo", "raw", "") == b"photo"
    assert b'"data": ["cGhvdG8="]' in bodies.encode(b"photo", "v2", "")


def test_versions_are_read_from_pins(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("ray[serve]==2.60.0 ; python_version > '3'\ntorch==2.15.0 \\\n  --hash=x\n")
    assert environments.versions([pins], ("ray", "torch", "missing")) == {
        "ray": "2.60.0",
        "torch": "2.15.0",
    }


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: str(server.name))
def test_every_server_is_pinned(server: Any) -> None:
    for engine in server.engines:
        requirements = server.requirements(engine)
        assert server.package in environments.versions(requirements, (server.package,))


def run_of(clients: int, rate: float) -> dict[str, Any]:
    return wrk.Load(clients, 100, rate, 10.4, 20.6, 1, 2, 0.01).to_json() | {"pss_mb": 300.2}


def figures(*runs: dict[str, Any]) -> dict[str, Any]:
    tuning = {"workers": 2, "threads": 1, "batch": 8}
    sizes = {"start_s": 1.5, "installed_mb": 280}
    return {"versions": {"fast": "1.2"}, "tuning": tuning, "runs": list(runs), **sizes}


@pytest.fixture
def results() -> dict[str, Any]:
    fast = {"openvino": figures(run_of(1, 50), run_of(16, 97.54))}
    slow = {"torch": figures(run_of(16, 9)), "openvino": {"error": "did not\nstart"}}
    return {
        "machine": {"cpu": "A CPU", "cores": 2, "date": "2026-01-02T03:04"},
        "photos": "56 photos",
        "clients": [1, 16],
        "seconds": 30,
        "peers": {
            "fast": {"title": "Fast", "measured": {"seconds": 30}, "engines": fast},
            "slow": {"title": "Slow", "measured": {"seconds": 20}, "engines": slow},
        },
    }


def test_tables_show_what_was_measured(results: dict[str, Any]) -> None:
    text = report.render(results)
    assert "| Fast | – | 97.5 |" in text  # noqa: RUF001
    assert "| Slow | 9.0 | – |" in text  # noqa: RUF001
    row = "| Fast | fast 1.2 | 2 x 1, batches of 8 | 50.0 | 97.5 | 10 | 21 | 6 | 300 | 1.5 | 280 |"
    assert row in text
    assert "1.0% of the cores, within the 5% allowed" in text


def test_tables_say_how_long_each_figure_took(results: dict[str, Any]) -> None:
    assert "20 to 30 s for each figure" in report.render(results)


def test_tables_say_what_was_not_measured_and_why(results: dict[str, Any]) -> None:
    assert "- Slow, openvino: did not start" in report.render(results)


def test_picture_is_the_same_for_the_same_figures(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        report.draw(results, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_tuning_as_text() -> None:
    assert str(Tuning(2, 1)) == "2 x 1"
    assert str(Tuning(1, 2, 8)) == "1 x 2, batches of 8"


def test_an_unknown_server_is_refused() -> None:
    done = CliRunner().invoke(cli, ["peers", "--only", "naive", "--only", "other"])
    assert done.exit_code == 2
    assert "other; there are ours ours-app flask naive" in done.output
