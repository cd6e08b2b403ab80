"""The simulation of replicas agrees with queueing theory."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import cli
from benchmarks.queueing import Replica, needed, percentiles, poisson, times
from tests.conftest import REPO
from tests.support.readme import commands

RNG = np.random.default_rng(0)
EVEN = Replica({1: 10.0}, [1.0])
AT_RANDOM = Replica({1: 10.0}, RNG.exponential(1, 20_000).tolist())


@pytest.mark.parametrize("replica", [EVEN, AT_RANDOM])
@pytest.mark.parametrize("rate", [3, 7])
def test_the_mean_is_as_in_theory_however_works_differ(replica: Replica, rate: float) -> None:
    # M/G/1 with processor sharing: 1 / (mu - lambda), by Kleinrock.
    arrivals = poisson(RNG, rate, 100_000).tolist()
    works = RNG.choice(replica.works, len(arrivals)).tolist()
    spent = times(replica, zip(arrivals, works, strict=True))
    assert np.mean(spent) == pytest.approx(1 / (10 - rate), rel=0.1)


def test_requests_share_a_replica_which_is_faster_with_two() -> None:
    together = Replica({1: 1.0, 2: 1.5}, [1.0])
    # Half of the first is done when the second comes. Both go on at 0.75; after 2/3 s the first is
    # done and half of the second, whose other half takes 0.5 s by itself.
    assert times(together, [(0.0, 1.0), (0.5, 1.0)]) == pytest.approx([0.5 + 2 / 3, 2 / 3 + 0.5])


def test_a_small_request_overtakes_a_large_one() -> None:
    assert times(Replica({1: 1.0}, [1.0]), [(0.0, 10.0), (1.0, 1.0)]) == pytest.approx([2, 11])


def test_between_and_beyond_what_was_measured() -> None:
    replica = Replica({1: 10.0, 3: 20.0}, [1.0])
    assert [replica.rate(count) for count in (1, 2, 3, 9)] == [10, 15, 20, 20]


def test_replicas_served_in_turn_wait_less_than_one_with_its_share() -> None:
    assert percentiles(EVEN, 4, 28)[1] < percentiles(EVEN, 1, 7)[1]


def test_beyond_capacity_the_queue_grows_without_end() -> None:
    assert percentiles(EVEN, 2, 19.5) == (math.inf, math.inf)


@pytest.mark.parametrize(("rate", "p99_ms"), [(5, 500), (50, 200), (300, 150)])
def test_as_many_as_are_needed_and_no_more(rate: float, p99_ms: float) -> None:
    enough = needed(EVEN, rate, p99_ms)
    assert percentiles(EVEN, enough, rate)[1] <= p99_ms
    if enough > 1:
        assert percentiles(EVEN, enough - 1, rate)[1] > p99_ms


def test_the_document_shows_what_the_command_prints() -> None:
    (command,) = commands("docs/operating.md")["How many replicas"]
    words = command.split()
    assert words[:3] == [".venv/bin/python", "-m", "benchmarks"]
    done = CliRunner().invoke(cli, words[3:])
    assert done.exit_code == 0, done.output
    document = (REPO / "docs/operating.md").read_text("utf-8")
    assert "".join(f"    {line}\n" for line in done.output.splitlines()) in document


def test_the_document_has_the_figures_that_were_measured() -> None:
    results = json.loads((REPO / "benchmarks/results/replicas.json").read_text("utf-8"))
    *rates, last = [f"{row['images_per_s']:.0f}" for row in results["replicas"]]
    document = " ".join((REPO / "docs/operating.md").read_text("utf-8").split())
    assert f"throughput was {', '.join(rates)} and {last} images/s" in document
    off = results["errors_percent"]
    wrong = f"wrong by {off['p99_ms_median']:.0f} % (median), by {off['p99_ms_max']:.0f} % at most"
    assert wrong in document


def test_the_command_needs_no_more_than_serving_does() -> None:
    script = "import sys; sys.modules.update(psutil=None, pytest=None, matplotlib=None, torch=None)"
    run = f"{script}; from benchmarks.__main__ import cli; cli()"
    words = ["size", "--rate=50", "--p99=900", "1:10"]
    subprocess.run([sys.executable, "-c", run, *words], cwd=REPO, check=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--p99=1", "1:10"], "a single picture"), (["--p99=99", "ten"], "'ten'")],
)
def test_impossible_input_is_one_clear_line(words: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["size", "--rate=50", *words])
    assert done.exit_code == 2
    assert message in done.output
