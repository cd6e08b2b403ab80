"""The client, asked as a function and run as a command against a small real server."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "post_request" / "post_request.py"
sys.path.insert(0, str(SCRIPT.parent))

import post_request  # noqa: E402

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and terminals")
NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@dataclass
class Reply:
    """What the server says to one request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """What the server saw of one request."""

    path: str
    query: str
    field: str
    name: str
    data: bytes


def success(label: str, **more: object) -> Reply:
    body = {
        "success": True,
        "response": {"statusCode": 200, "body": json.dumps(label, ensure_ascii=False)},
        "model": "resnet-50",
    }
    return Reply(200, json.dumps(body | more).encode())


def refusal(status: int, message: str, **headers: str) -> Reply:
    error = {"type": "test", "message": message, "request_id": "r-1"}
    body = json.dumps({"success": False, "error": error}).encode()
    return Reply(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


TABBY = success("tabby, tabby cat")


class Handler(BaseHTTPRequestHandler):
    """Records a request and gives the reply that was planned for its picture."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        """Take a picture."""
        data = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        _, part, _ = data.split(b"--" + boundary)
        head, _, content = part.partition(b"\r\n\r\n")
        names = re.search(rb'name="(.*?)"; filename="(.*?)"', head)
        assert names
        kind, name = names[1].decode(), names[2].decode()
        url = urlsplit(self.path)
        self.server.seen.append(
            Seen(url.path, url.query, kind, name, content.removesuffix(b"\r\n"))
        )
        self.server.before_reply(name)
        self.reply(self.server.next_reply(name))

    def reply(self, reply: Reply) -> None:
        """Send a reply."""
        self.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), "X-Request-ID": "r-1"} | reply.headers
        for header, text in headers.items():
            self.send_header(header, text)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


class Server(ThreadingHTTPServer):
    """Plays the contract; `plans` holds the replies by file name, the last one stays."""

    daemon_threads = True
    block_on_close = False  # some tests leave a request unanswered

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen: list[Seen] = []
        self.plans: dict[str, list[Reply]] = {}
        self.held: set[str] = set()
        self.arrived, self.release = threading.Event(), threading.Event()

    def before_reply(self, name: str) -> None:
        """Hold back the answers to some pictures until the test ends."""
        if name in self.held:
            self.arrived.set()
            self.release.wait(60)

    def next_reply(self, name: str) -> Reply:
        """Return what was planned for a picture."""
        plan = self.plans.get(name, [TABBY])
        return plan.pop(0) if len(plan) > 1 else plan[0]

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""

    def names(self) -> list[str]:
        """Return the names of the pictures that arrived, sorted."""
        return sorted(seen.name for seen in self.seen)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nobody() -> Iterator[str]:
    """Give an address at which nobody listens, and keep others from taking it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the seconds that the client would wait, and do not wait."""
    recorded: list[float] = []
    monkeypatch.setattr(time, "sleep", recorded.append)
    return recorded


def picture(path: Path, data: bytes = b"picture") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def environment(**more: str) -> dict[str, str]:
    unwanted = {"PREDICT_URL", "FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONIOENCODING"}
    kept = {name: text for name, text in os.environ.items() if name not in unwanted}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | more


@dataclass
class Result:
    """What a run of the command left."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


def run(*arguments: str, cwd: Path | None = None, **env: str) -> Result:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        cwd=cwd,
        env=environment(**env),
        timeout=60,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def cells(result: Result, file: str) -> str:
    """Return the table's row of a file."""
    (row,) = (line for line in result.lines if file in line)
    return row


# One file


def test_one_file_prints_what_the_predecessor_printed(server: Server, tmp_path: Path) -> None:
    cat = picture(tmp_path / "cat.jpg", b"\xff\xd8 cat \r\n--")
    result = run(cat, "--url", server.url)
    assert result.status == 0
    assert result.lines == [f"Checking results for {cat}", TABBY.body.decode()]
    assert result.err == ""
    assert server.seen == [Seen("/predict", "", "image", "cat.jpg", b"\xff\xd8 cat \r\n--")]


def test_the_file_is_named_as_it_was_typed(server: Server, tmp_path: Path) -> None:
    picture(tmp_path / "cat.jpg")
    result = run("./cat.jpg", "--url", server.url, cwd=tmp_path)
    assert result.lines[0] == "Checking results for ./cat.jpg"


def test_labels_beyond_ascii_stay_readable(server: Server, tmp_path: Path) -> None:
    server.plans["cat.jpg"] = [success("Kätzchen 猫")]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url, LC_ALL="C", PYTHONUTF8="0")
    assert "Kätzchen 猫" in result.lines[1]


def test_the_environment_names_the_server(server: Server, tmp_path: Path) -> None:
    result = run(picture(tmp_path / "cat.jpg"), PREDICT_URL=f"{server.url}/predict")
    assert result.status == 0
    assert [seen.path for seen in server.seen] == ["/predict"]


def test_top_k_is_passed_on(server: Server, tmp_path: Path) -> None:
    run(picture(tmp_path / "cat.jpg"), "--url", server.url, "--top-k", "3")
    assert [seen.query for seen in server.seen] == ["top_k=3"]


def test_a_refusal_is_printed_and_fails(server: Server, tmp_path: Path) -> None:
    server.plans["cat.jpg"] = [refusal(422, "The picture is damaged")]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url)
    assert result.status == 1
    assert json.loads(result.lines[1])["error"]["message"] == "The picture is damaged"
    assert len(server.seen) == 1


def test_success_false_under_200_fails(server: Server, tmp_path: Path) -> None:
    server.plans["cat.jpg"] = [Reply(200, b'{"success": false}')]
    assert run(picture(tmp_path / "cat.jpg"), "--url", server.url).status == 1


@pytest.mark.parametrize("body", [b"<html>\n proxy \xff</html>", b"[1]", b""])
def test_an_answer_that_is_no_json_object(server: Server, tmp_path: Path, body: bytes) -> None:
    server.plans["cat.jpg"] = [Reply(504, body)]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url)
    error = json.loads(result.lines[1])["error"]
    assert result.status == 1
    assert error["type"] == "not_json"
    assert error["request_id"] == "r-1"
    assert "Gateway Time" in error["message"]
    assert result.err == ""


def test_no_answer_in_time(server: Server, tmp_path: Path) -> None:
    server.held = {"cat.jpg"}
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url, "--timeout", "0.2")
    assert result.status == 1
    assert len(result.err.splitlines()) == 1
    assert "no answer" in result.err
    assert "timeout=0.2" in result.err


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="needs byte file names")
def test_a_file_name_that_is_no_text(server: Server, tmp_path: Path) -> None:
    name = os.fsdecode(b"cat\xff\x1b[31m.jpg")
    result = run(picture(tmp_path / name), "--url", server.url)
    assert result.status == 0
    assert "\x1b" not in result.out
    assert server.names() == [r"cat\udcff\u001b[31m.jpg"]


# Retries


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.plans["cat.jpg"] = [refusal(503, "busy", Retry_After="0"), TABBY]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url)
    assert result.status == 0
    assert result.lines[1] == TABBY.body.decode()
    assert [seen.data for seen in server.seen] == [b"picture", b"picture"]


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("3600", 10)])
def test_three_tries_with_bounded_waits(
    server: Server, tmp_path: Path, waits: list[float], status: int, asked: str, waited: int
) -> None:
    server.plans["cat.jpg"] = [refusal(status, "busy", Retry_After=asked)]
    with post_request.Client(server.url) as client:
        answer = client.predict(picture(tmp_path / "cat.jpg"))
    assert answer.status == status
    assert answer.problem == f"{status} busy"
    assert len(server.seen) == 3
    assert waits == [waited, waited]


@pytest.mark.parametrize("status", [400, 413, 422, 500, 504])
def test_other_failures_are_not_tried_again(
    server: Server, tmp_path: Path, waits: list[float], status: int
) -> None:
    server.plans["cat.jpg"] = [refusal(status, "no", Retry_After="1")]
    with post_request.Client(server.url) as client:
        assert client.predict(picture(tmp_path / "cat.jpg")).status == status
    assert len(server.seen) == 1
    assert waits == []


def test_a_busy_server_that_stays_busy_fails(
    server: Server, tmp_path: Path, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    server.plans["cat.jpg"] = [refusal(503, "busy", Retry_After="1")]
    assert post_request.main([picture(tmp_path / "cat.jpg"), "--url", server.url]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[1])["error"]["message"] == "busy"
    assert waits == [1, 1]


# Many files


def test_many_files_make_a_table(server: Server, tmp_path: Path) -> None:
    server.plans["dog.png"] = [success("beagle", predictions=[{"label": "x", "score": 0.9712}])]
    server.plans["bad.jpg"] = [refusal(422, "The picture is damaged")]
    files = [picture(tmp_path / name) for name in ("cat.jpg", "dog.png", "bad.jpg")]
    result = run(*files, "--url", server.url, cwd=tmp_path)
    assert result.status == 1
    assert "tabby, tabby cat" in cells(result, "cat.jpg")
    assert re.search(r"beagle +0\.971 +\d+ *$", cells(result, "dog.png"))
    assert "422 The picture is damaged" in cells(result, "bad.jpg")
    assert re.fullmatch(r"2 ok, 1 failed, \d+\.\d pictures/s", result.lines[-1])
    assert result.err == ""


def test_many_good_files_succeed(server: Server, tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{number}.jpg") for number in range(9)]
    result = run(*files, "--url", server.url)
    assert result.status == 0
    assert result.lines[-1].startswith("9 ok, 0 failed, ")
    assert server.names() == [f"{number}.jpg" for number in range(9)]


@pytest.mark.parametrize(("options", "number"), [([], 4), (["--concurrency", "3"], 3)])
def test_several_requests_run_at_a_time(
    server: Server, tmp_path: Path, options: list[str], number: int
) -> None:
    together = threading.Barrier(number)

    def meet(name: str) -> None:
        together.wait(10)

    server.before_reply = meet  # type: ignore[method-assign]
    files = [picture(tmp_path / f"{index}.jpg") for index in range(number)]
    assert run(*files, "--url", server.url, *options).status == 0


def test_one_request_at_a_time(server: Server, tmp_path: Path) -> None:
    active, most = [0], [0]

    def count(name: str) -> None:
        active[0] += 1
        most[0] = max(most[0], active[0])

    def reply(name: str) -> Reply:
        active[0] -= 1
        return TABBY

    server.before_reply = count  # type: ignore[method-assign]
    server.next_reply = reply  # type: ignore[method-assign]
    files = [picture(tmp_path / f"{number}.jpg") for number in range(6)]
    assert run(*files, "--url", server.url, "--concurrency", "1").status == 0
    assert most == [1]


def test_an_unreadable_file_is_a_failed_row(server: Server, tmp_path: Path) -> None:
    result = run(picture(tmp_path / "cat.jpg"), "gone.jpg", "--url", server.url)
    assert result.status == 1
    assert "cannot read gone.jpg: No such file" in cells(result, "gone.jpg")
    assert result.lines[-1].startswith("1 ok, 1 failed, ")


def test_labels_are_no_markup_and_no_control_codes(server: Server, tmp_path: Path) -> None:
    server.plans["a.jpg"] = [success("[red]x[/blue] :cat: \x1b[2J\x9b\u202e\nend")]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    result = run(*files, "--url", server.url)
    assert r"[red]x[/blue] :cat: \u001b[2J\u009b\u202e\nend" in cells(result, "a.jpg")
    assert not set(result.out) & set("\x1b\x9b\u202e")


def test_failure_messages_are_no_markup(server: Server, tmp_path: Path) -> None:
    server.plans["a.jpg"] = [refusal(400, "[bold]no[/italic]")]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    assert "400 [bold]no[/italic]" in cells(run(*files, "--url", server.url), "a.jpg")


# JSON


def test_json_lines(server: Server, tmp_path: Path) -> None:
    server.plans["b.jpg"] = [refusal(415, "no picture")]
    cat, bad, gone = (picture(tmp_path / f"{name}.jpg") for name in "abc")
    Path(gone).unlink()
    result = run(cat, bad, gone, "--json", "--url", server.url)
    first, second, third = (json.loads(line) for line in result.lines)
    assert result.status == 1
    assert list(first)[:2] == ["file", "status"]
    assert first == {"file": cat, "status": 200, **json.loads(TABBY.body)}
    assert second == {"file": bad, "status": 415, **json.loads(refusal(415, "no picture").body)}
    assert (third["file"], third["status"], third["success"]) == (gone, None, False)
    assert third["error"]["type"] == "unreadable_file"


def test_json_of_one_file_is_one_line(server: Server, tmp_path: Path) -> None:
    label = "a\x9b\u202e\U000e0001"
    server.plans["cat.jpg"] = [success(label, file="theirs", status="theirs")]
    cat = picture(tmp_path / "cat.jpg")
    result = run(cat, "--json", "--url", server.url)
    answer = json.loads(result.out)
    assert (answer["file"], answer["status"]) == (cat, 200)
    assert json.loads(answer["response"]["body"]) == label
    assert "\x9b" not in result.out


# Folders and patterns


def test_a_folder_stands_for_the_pictures_below_it(server: Server, tmp_path: Path) -> None:
    wanted = ["a.JPG", "b.jpeg", "below/c.png", "below/deep/d.WebP", "e.mpo"]
    for name in [*wanted, "notes.txt", "f.gif", "._a.jpg", ".hidden/g.jpg", "noext"]:
        picture(tmp_path / "photos" / name)
    (tmp_path / "photos" / "folder.jpg").mkdir()
    result = run("photos", "--json", "--url", server.url, cwd=tmp_path)
    files = [Path(json.loads(line)["file"]).as_posix() for line in result.lines]
    assert files == [f"photos/{name}" for name in wanted]
    assert result.status == 0


def test_patterns_are_expanded(server: Server, tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "c.png", "below/d.jpg"):
        picture(tmp_path / name)
    flat = run("*.jpg", "--json", "--url", server.url, cwd=tmp_path)
    assert [json.loads(line)["file"] for line in flat.lines] == ["a.jpg", "b.jpg"]
    deep = run(str(tmp_path / "**" / "*.jpg"), "--json", "--url", server.url)
    assert len(deep.lines) == 3


def test_a_file_named_like_a_pattern_is_a_file(server: Server, tmp_path: Path) -> None:
    for name in ("cat[1].jpg", "cat1.jpg"):
        picture(tmp_path / name)
    run("cat[1].jpg", "--url", server.url, cwd=tmp_path)
    assert server.names() == ["cat[1].jpg"]


def test_a_file_named_twice_is_sent_once(server: Server, tmp_path: Path) -> None:
    picture(tmp_path / "cat.jpg")
    run("cat.jpg", "*.jpg", "--url", server.url, cwd=tmp_path)
    assert server.names() == ["cat.jpg"]


# Nothing to do


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("empty", "post_request: no picture in the folder empty (.jpg .jpeg .png .webp .mpo)\n"),
        ("*.jpg", "post_request: no file matches *.jpg\n"),
        ("gone.jpg", "post_request: cannot read gone.jpg: No such file or directory\n"),
    ],
)
def test_nothing_to_do(server: Server, tmp_path: Path, argument: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run(argument, "--url", server.url, cwd=tmp_path)
    assert result.status == 2
    assert result.err == message
    assert server.seen == []


def test_an_empty_folder_among_others_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "cat.jpg")
    result = run("empty", "cat.jpg", "--url", server.url, cwd=tmp_path)
    assert result.status == 1
    assert "no picture in the folder empty" in result.err
    assert server.names() == ["cat.jpg"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x.jpg", "--top-k", "0"],
        ["x.jpg", "--top-k", "many"],
        ["x.jpg", "--concurrency", "0"],
        ["x.jpg", "--timeout", "0"],
        ["x.jpg", "--timeout", "nan"],
        ["x.jpg", "--url", "ftp://host"],
        ["x.jpg", "--url", "http://host:99999"],
    ],
)
def test_a_wrong_command_line_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        post_request.main(arguments)
    assert stop.value.code == 2
    assert "usage: post_request.py" in capsys.readouterr().err


# The server goes, or the user


@pytest.mark.parametrize("names", [["a.jpg"], ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_server_away(nobody: str, tmp_path: Path, names: list[str], options: list[str]) -> None:
    files = [picture(tmp_path / name) for name in names]
    result = run(*files, *options, "--url", nobody)
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    assert f"no server at {nobody}/predict" in result.err
    assert "./run_local.sh" in result.err
    assert "./run_docker.sh" in result.err


def test_server_away_is_not_tried_again(nobody: str, tmp_path: Path, waits: list[float]) -> None:
    cat = picture(tmp_path / "cat.jpg")
    with post_request.Client(nobody) as client, pytest.raises(post_request.ServerAwayError):
        client.predict(cat)
    assert waits == []


def test_a_server_without_tls_is_not_tried_again(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    cat = picture(tmp_path / "cat.jpg")
    with post_request.Client(server.url.replace("http:", "https:")) as client:
        answer = client.predict(cat)
    assert answer.status is None
    assert "SSL" in answer.problem
    assert waits == []


def test_what_is_done_is_shown_when_the_server_goes(server: Server, tmp_path: Path) -> None:
    def leave(name: str) -> None:
        server.shutdown()
        server.server_close()

    server.before_reply = leave  # type: ignore[method-assign]
    server.plans["a.jpg"] = [Reply(200, TABBY.body, {"Connection": "close"})]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg")]
    result = run(*files, "--url", server.url, "--concurrency", "1")
    assert result.status == 2
    assert "tabby, tabby cat" in cells(result, "a.jpg")
    assert result.lines[-1].startswith("1 ok, 0 failed, ")
    assert "no server at" in result.err


def test_a_broken_connection_fails_that_file_only(server: Server, tmp_path: Path) -> None:
    server.plans["a.jpg"] = [Reply(200, b"", {"Content-Length": "5", "Connection": "close"})]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    result = run(*files, "--url", server.url)
    assert result.status == 1
    assert "no answer from the server" in cells(result, "a.jpg")
    assert "tabby, tabby cat" in cells(result, "b.jpg")


@POSIX_ONLY
@pytest.mark.parametrize("more", [[], ["b.jpg", "c.jpg"]])
def test_ctrl_c_does_not_wait_for_the_server(
    server: Server, tmp_path: Path, more: list[str]
) -> None:
    server.held = {"a.jpg", "b.jpg", "c.jpg"}
    files = [picture(tmp_path / name) for name in ["a.jpg", *more]]
    # Started from a shell's background job the test ignores the signal, and so would its child.
    start = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, str(SCRIPT), *files, "--url", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as client:
        assert server.arrived.wait(30)
        client.send_signal(signal.SIGINT)
        _, err = client.communicate(timeout=30)
    assert not server.release.is_set()
    assert client.returncode == 130
    assert err == b""


@POSIX_ONLY
def test_a_reader_that_goes_away_is_no_traceback(server: Server, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), picture(tmp_path / "cat.jpg"), "--url", server.url],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == b""


@POSIX_ONLY
def test_the_bar_shows_on_a_terminal_and_never_on_standard_output(
    server: Server, tmp_path: Path
) -> None:
    import pty

    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    master, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *files, "--json", "--url", server.url],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment(TERM="xterm"),
        timeout=60,
    )
    os.set_blocking(master, False)
    bar = os.read(master, 65536)
    os.close(terminal)
    os.close(master)
    assert b"100%" in bar
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == [200, 200]


# Functions


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://host", "http://host/predict"),
        ("http://host/", "http://host/predict"),
        ("http://host/predict", "http://host/predict"),
        ("http://host/predict/", "http://host/predict"),
        ("https://host:8443/base", "https://host:8443/base/predict"),
        ("host:8080", "http://host:8080/predict"),
    ],
)
def test_predict_url(text: str, url: str) -> None:
    assert post_request.predict_url(text) == url


@pytest.mark.parametrize("text", ["", "http://", "ftp://host", "http://host:x", "http://host:0"])
def test_predict_url_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        post_request.predict_url(text)


def test_the_server_is_at_localhost_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREDICT_URL", "")
    assert post_request.parse(["x.jpg"]).url == "http://localhost/predict"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"response": None, "predictions": None},
        {"response": {"body": "no json"}, "predictions": []},
        {"response": [], "predictions": [{"score": "high"}]},
        {"response": {"body": 7}, "predictions": {"score": 1}},
    ],
)
def test_answers_without_label_and_score(body: dict[str, Any]) -> None:
    answer = post_request.Answer("cat.jpg", 200, body, 0.0)
    assert answer.label == ""
    assert answer.score is None
    assert answer.problem.startswith("200 unexpected answer: {")


def test_a_plain_error_text_is_understood() -> None:
    assert post_request.Answer("cat.jpg", 404, {"error": "gone"}, 0.0).problem == "404 gone"


def test_an_unreadable_picture_raises(server: Server, tmp_path: Path) -> None:
    with post_request.Client(server.url) as client, pytest.raises(FileNotFoundError):
        client.predict(tmp_path / "gone.jpg")


# The set-up


def test_requirements_are_exact_and_name_no_index() -> None:
    lines = (SCRIPT.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert {"requests", "rich"} <= {pin.partition("==")[0] for pin in pins}
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; [^/@]+)?", pin), pin


def set_up(script: Path, **env: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, script.name],
        cwd=script.parent,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def setup_script(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("pre_post_request.sh", "post_request.py", "requirements.txt"):
        shutil.copy(SCRIPT.parent / name, folder)
    return folder / "pre_post_request.sh"


@NEEDS_BASH
def test_set_up_makes_a_client_that_works_and_may_run_again(
    server: Server, setup_script: Path
) -> None:
    # A virtual environment left half made is made anew.
    (setup_script.parent / ".venv" / "bin").mkdir(parents=True)
    first = set_up(setup_script)
    assert first.returncode == 0, first.stderr
    (config,) = setup_script.parent.glob(".venv/pyvenv.cfg")
    made = config.stat().st_mtime_ns
    second = set_up(setup_script)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    assert config.stat().st_mtime_ns == made

    picture(setup_script.parent / "images" / "cat.jpg")
    command = first.stdout.splitlines()[-1].strip()
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=setup_script.parent,
        env=environment(PREDICT_URL=server.url),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == TABBY.body.decode()


def path_with(folder: Path, **programs: str) -> str:
    """Return a PATH that holds dirname and these shell scripts, no more."""
    folder.mkdir()
    (folder / "dirname").symlink_to(shutil.which("dirname") or "")
    for name, body in programs.items():
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@NEEDS_BASH
@POSIX_ONLY
@pytest.mark.parametrize("programs", [{}, {"python3": "exit 1", "python": "exit 1"}])
def test_set_up_without_a_new_enough_python(
    setup_script: Path, tmp_path: Path, programs: dict[str, str]
) -> None:
    done = set_up(setup_script, PATH=path_with(tmp_path / "bin", **programs))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "pre_post_request.sh: "
        "Python 3.11 or newer is needed, and none of python3, python and py is one"
    ]


@NEEDS_BASH
@POSIX_ONLY
def test_set_up_without_the_venv_module(setup_script: Path, tmp_path: Path) -> None:
    programs = {"python3": "exit 1", "python": '[[ "$*" != *ensurepip* ]]'}
    done = set_up(setup_script, PATH=path_with(tmp_path / "bin", **programs))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "pre_post_request.sh: python has no venv module "
        "(on Debian and Ubuntu: apt install python3-venv)"
    ]
    assert not (setup_script.parent / ".venv").exists()
