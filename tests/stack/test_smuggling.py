"""One request gets one answer, NGINX's and the app's, however it is written."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.smuggling import corpus
from tests.smuggling.case import Case, ask
from tests.stack.fronted import Fronted, fronted

TIMEOUT = 15  # seconds of silence; a server gives up before
NEXT = ask(b"GET /livez HTTP/1.1", b"X-Request-ID: the-next", b"Connection: close")


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    folder = tmp_path_factory.mktemp("stack")
    with fronted(folder, "inference_app", LOG_LEVEL="debug") as stack:
        yield stack


@pytest.fixture(params=["NGINX", "app"])
def port(request: pytest.FixtureRequest, stack: Fronted) -> int:
    """Return where to send requests: to NGINX, or to the app itself."""
    return int(stack.url.rsplit(":", 1)[1]) if request.param == "NGINX" else stack.app.port


def exchange(port: int, sent: bytes, ends: bool = True) -> bytes:
    """Send bytes; return all that comes back until the server closes."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        try:
            connection.sendall(sent)
            if not ends:
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                received += data
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed before it had read all
    return bytes(received)


def answers(data: bytes, to_head: bool) -> list[Answer]:
    """Take apart all answers on a connection; `to_head` if the first is to a HEAD request."""
    found: list[Answer] = []
    while data:
        if not data.startswith(b"HTTP/1."):
            return [*found, Answer(200, {}, data)]  # HTTP/0.9: a body alone
        head, _, data = data.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        status = int(line.split()[1])
        if status == 100:
            continue
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        size = 0 if to_head and not found else int(headers["content-length"])
        found.append(Answer(status, headers, data[:size]))
        data = data[size:]
    return found


def problem(case: Case, port: int) -> str | None:
    """Send a case, and another request on the same connection; return what is wrong."""
    sent = case.request + NEXT if case.ends else case.request
    found = answers(exchange(port, sent, case.ends), case.request.startswith(b"HEAD "))
    if not found:
        return "no answer" if case.ends else None
    first, *others = found
    if first.status not in case.statuses:
        return f"{first.status}, {first.body[:200]!r}"
    if first.status >= 400 and json.loads(first.body)["success"]:
        return f"not the one error shape: {first.body[:200]!r}"
    if any(b"smuggled" in answer.body for answer in found):
        return "answered what is hidden"
    ids = [(answer.status, answer.headers.get("x-request-id")) for answer in others]
    return None if ids in ([], [(200, "the-next")]) else f"more answers: {others}"


def test_the_corpus_is_large_and_has_no_name_twice() -> None:
    names = Counter(case.name for case in corpus())
    assert len(names) >= 400
    assert [name for name, count in names.items() if count > 1] == []


def test_each_request_gets_its_own_answer_and_no_other(stack: Fronted, port: int) -> None:
    def attempt(case: Case) -> str | None:
        try:
            return problem(case, port)
        except (ValueError, KeyError, OSError) as error:
            return repr(error)

    with ThreadPoolExecutor(8) as pool:
        wrong = zip(corpus(), pool.map(attempt, corpus()), strict=True)
        assert {case.name: what for case, what in wrong if what} == {}
    assert stack.app.log(path="/smuggled") == []
    assert stack.app.log(level="error") == []
    assert len(stack.app.workers()) == 2


def test_a_second_request_would_be_seen(stack: Fronted) -> None:
    port = int(stack.url.rsplit(":", 1)[1])
    found = answers(exchange(port, ask(b"GET /openly HTTP/1.1") + NEXT), to_head=False)
    assert [answer.status for answer in found] == [404, 200]
    assert b"/openly" in found[0].body
    assert found[1].headers["x-request-id"] == "the-next"
    assert stack.app.log(path="/openly", status=404)
    meant_as_two = Case("two", ask() + ask(b"GET /openly HTTP/1.1"), frozenset({200}))
    assert "more answers" in (problem(meant_as_two, port) or "")
