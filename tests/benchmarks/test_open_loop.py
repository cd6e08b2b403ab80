"""An open load against a small server: statuses, and times from when a request was due."""

from benchmarks import open_loop


def test_every_request_has_its_status(url: str) -> None:
    outcomes = open_loop.post_at([0.0, 0.01, 0.02], url, [b"200", b"503", b"200"], "text/plain")
    assert [status for status, _ in outcomes] == [200, 503, 200]


def test_no_server_is_an_outcome_too(url: str) -> None:
    ((status, _),) = open_loop.post_at([0.0], url.replace("127.0.0.1", "127.0.0.9"), [b""], "")
    assert status == 0


def test_a_time_counts_from_when_the_request_was_due(url: str) -> None:
    ((_, late), (_, on_time)) = open_loop.post_at([-100.0, 0.0], url, [b"200"], "text/plain")
    assert late > 100 > on_time


def test_percentiles_are_in_ms() -> None:
    seconds = [number / 1000 for number in range(100, 0, -1)]
    assert open_loop.percentile(seconds, 50) == 51
    assert open_loop.percentile(seconds, 99) == 100
