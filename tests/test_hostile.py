"""Whatever a stranger sends, a small real server refuses or answers, and goes on."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from benchmarks.processes import pss_mb
from tests.hostile.case import Case
from tests.hostile.corpus import corpus
from tests.support.server import Server, serving

MEMORY_MB = 400.0  # of a worker with the bundled model: 60 at rest, and two pictures of 50 MP


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def ask(server: Server, case: Case) -> int:
    """Send a case, and return the status of its one answer."""
    answer = server.send(bytes(case))
    version, status, _ = answer.split(b" ", 2)
    assert version == b"HTTP/1.1", answer[:100]
    return int(status)


def test_the_corpus_is_large_and_has_no_name_twice() -> None:
    names = Counter(case.name for case in corpus())
    assert len(names) >= 500
    assert [name for name, count in names.items() if count > 1] == []


def test_no_case_harms_the_server(server: Server, espresso: bytes) -> None:
    wrong = {
        case.name: status for case in corpus() if (status := ask(server, case)) not in case.statuses
    }
    assert wrong == {}
    assert len(server.workers()) == 2
    assert server.log(level="error") == []
    assert max(pss_mb([pid]) for pid in server.workers()) < MEMORY_MB
    assert requests.post(f"{server.url}/predict", espresso, timeout=30).ok
