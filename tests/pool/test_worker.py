"""A worker sends a whole response or none, and leaves no client waiting when it stops."""

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from inference_app.pool.worker import Worker
from tests.support.server import Server, environment, free_port, receive, serving, wait_until


def head(length: int) -> bytes:
    """Return the head of a request that waits for 100 Continue before it sends its body."""
    lines = ["POST /predict HTTP/1.1", "Host: a", "Expect: 100-continue"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def begin(server: Server, length: int) -> socket.socket:
    """Open a request that a worker has taken on, and that has yet to send its body."""
    connection = server.connect()
    connection.sendall(head(length))
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    return connection


def finish(connections: list[socket.socket], body: bytes) -> list[bytes]:
    """Send the rest of each request, all at once; return the status lines."""

    def finish_one(connection: socket.socket) -> bytes:
        with connection:
            connection.sendall(body)
            return receive(connection).split(b"\r\n")[0]

    with ThreadPoolExecutor(len(connections)) as pool:
        return list(pool.map(finish_one, connections))


def status_of(process: int, name: str) -> str:
    """Return what Linux says of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)[name].strip()


def stands_still(process: int) -> bool:
    """Return whether the process is stopped."""
    return status_of(process, "State").startswith("T")


def is_told_to_stop(process: int) -> bool:
    """Return whether a TERM waits for the process."""
    return bool(int(status_of(process, "ShdPnd"), 16) >> (signal.SIGTERM - 1) & 1)


def respond_in_parts(_: Worker, __: object, conn: Mock) -> bool:
    """Write a response as Gunicorn does."""
    conn.sock.sendall(b"headers, ")
    conn.sock.sendall(b"body")
    return False


def fail_in_the_middle(_: Worker, __: object, conn: Mock) -> bool:
    """Break off after the headers."""
    conn.sock.sendall(b"headers, ")
    raise OSError("gone")


def test_a_response_is_sent_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ThreadWorker, "handle_request", respond_in_parts)
    conn = Mock(sock=(connection := Mock()))
    assert Worker.handle_request(Worker.__new__(Worker), None, conn) is False
    connection.sendall.assert_called_once_with(b"headers, body")
    assert conn.sock is connection


def test_half_a_response_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ThreadWorker, "handle_request", fail_in_the_middle)
    conn = Mock(sock=(connection := Mock()))
    with pytest.raises(OSError, match="gone"):
        Worker.handle_request(Worker.__new__(Worker), None, conn)
    connection.sendall.assert_not_called()
    assert conn.sock is connection


def test_requests_in_flight_are_answered(tmp_path: Path, espresso: bytes) -> None:
    with serving(tmp_path) as server:
        # One worker may get all of them, and has eight threads.
        connections = [begin(server, len(espresso)) for _ in range(8)]
        server.process.terminate()
        wait_until(server.refuses, "the server accepts no connection")
        assert finish(connections, espresso) == [b"HTTP/1.1 200 OK"] * 8
        assert server.process.wait(30) == 0
        assert not server.log(level="error")


def test_connections_that_wait_are_answered(tmp_path: Path, espresso: bytes) -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(espresso)
    with serving(tmp_path) as server:
        workers = server.workers()
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: all(map(stands_still, workers)), "the workers stand still")
        connections = [server.connect() for _ in range(10)]
        for connection in connections:
            connection.sendall(request + espresso)
        server.process.terminate()
        wait_until(lambda: all(map(is_told_to_stop, workers)), "the workers are told to stop")
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        assert finish(connections, b"") == [b"HTTP/1.1 200 OK"] * 10
        assert server.process.wait(30) == 0


def test_an_idle_server_stops_with_success(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert server.refuses()
        assert server.stderr.read_text() == ""


@pytest.mark.parametrize("alive", [True, False])
def test_only_a_stopping_worker_closes_its_listeners(alive: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        worker = Worker.__new__(Worker)
        worker.sockets, worker.poller, worker.alive = [listener], Mock(), alive
        worker.nr_conns, worker._accepting = 0, True
        worker.set_accept_enabled(False)
        assert (listener.fileno() == -1) is not alive


def test_a_client_that_is_refused_while_it_sends_reads_the_response(tmp_path: Path) -> None:
    body = bytes(20_000_000)
    with serving(tmp_path) as server:
        head = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        response = server.send(head + body)
    assert response.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n<script>: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 501),
    ],
)
def test_what_is_no_http_is_refused_in_the_one_error_shape(
    tmp_path: Path, request_bytes: bytes, status: int
) -> None:
    with serving(tmp_path) as server:
        response = server.send(request_bytes)
        head, _, body = response.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ") for line in lines[1:])
        error = json.loads(body)["error"]
        assert int(lines[0].split()[1]) == status
        assert headers["Content-Type"] == "application/json"
        assert int(headers["Content-Length"]) == len(body)
        assert (error["type"], error["request_id"]) == ("bad_request", headers["X-Request-ID"])
        assert b"script" not in response
        (line,) = server.log(logger="inference_app.request")
        assert (line["request_id"], line["status"]) == (error["request_id"], status)
        assert line["reason"]
        assert not server.log(level="warning")


def test_a_fault_in_reading_a_request_is_the_server_s(caplog: pytest.LogCaptureFixture) -> None:
    Worker.handle_error(Worker.__new__(Worker), None, client := Mock(), None, RuntimeError("bug"))
    response = client.sendall.call_args[0][0]
    assert response.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"bug" not in response
    (line,) = caplog.records
    assert line.exc_info is not None


def refused_by(handler: Any, kind: type[Exception]) -> bytes:
    """Return what a worker's `handle_error` sends for an exception."""
    made = handler.__new__(handler)
    made.log, client = Mock(), Mock()
    made.handle_error(None, client, None, kind.__new__(kind))
    return b"".join(call.args[0] for call in client.sendall.call_args_list)


def kinds_of(kind: type[Exception]) -> list[type[Exception]]:
    """Return an exception's subclasses, and theirs."""
    return [each for below in kind.__subclasses__() for each in (below, *kinds_of(below))]


KINDS = [kind for kind in kinds_of(ParseException) if "Proxy" not in kind.__name__]  # it is off


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_status_is_gunicorn_s(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "__str__", lambda _: "")
    theirs, ours = refused_by(ThreadWorker, kind), refused_by(Worker, kind)
    assert theirs.split()[:2] == ours.split()[:2]


def test_a_system_out_of_files_does_not_end_a_worker(caplog: pytest.LogCaptureFixture) -> None:
    made, listener = Worker.__new__(Worker), Mock()
    made.log = logging.getLogger("test")
    listener.accept.side_effect = OSError(errno.EMFILE, "Too many open files")
    made.accept(listener)
    assert caplog.messages == ["no connection can be accepted: Too many open files"]


def test_a_crowd_is_served_with_few_files(tmp_path: Path, espresso: bytes) -> None:
    with serving(tmp_path, "tests.support.few_files") as server:
        connections = [server.connect() for _ in range(128)]
        head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(espresso)}\r\n\r\n"
        assert finish(connections, head.encode() + espresso) == [b"HTTP/1.1 200 OK"] * 128
        assert len(server.workers()) == 2  # none died
        assert server.log(message="few files may be open: see ulimit -Hn", connections=16)
        assert not server.log(level="error")


@pytest.mark.parametrize("moment", ["fork", "load"])
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGQUIT"])
def test_a_server_that_is_stopped_while_it_boots_ends_quietly(how: str, moment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.stopped"],
        env=environment(PORT=str(free_port()), WORKERS="2", STOP_WITH=how, STOP_AT=moment),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    assert lines[-1]["message"] == "Shutting down: Master"
