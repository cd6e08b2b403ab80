"""The client's command line, against a server with planned replies."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import post_request
from tests.post_request.command import SCRIPT, cells, environment, picture, run
from tests.post_request.planned import TABBY, Reply, Seen, Server, refusal, success

PREDICTION = {"class_id": "n1", "label": "x", "score": 0.9712}
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and terminals")


def test_one_file_prints_what_the_legacy_client_printed(server: Server, tmp_path: Path) -> None:
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
def test_a_response_that_is_not_a_json_object(server: Server, tmp_path: Path, body: bytes) -> None:
    server.plans["cat.jpg"] = [Reply(504, body)]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url)
    error = json.loads(result.lines[1])["error"]
    assert result.status == 1
    assert error["type"] == "not_json"
    assert error["request_id"] == "r-1"
    assert "Gateway Time" in error["message"]
    assert result.err == ""


def test_no_response_in_time(server: Server, tmp_path: Path) -> None:
    server.held = {"cat.jpg"}
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url, "--timeout", "0.2")
    assert result.status == 1
    assert len(result.err.splitlines()) == 1
    assert "no response" in result.err
    assert "timeout=0.2" in result.err


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="needs byte file names")
def test_a_file_name_that_is_not_text(server: Server, tmp_path: Path) -> None:
    name = os.fsdecode(b"cat\xff\x1b[31m.jpg")
    result = run(picture(tmp_path / name), "--url", server.url)
    assert result.status == 0
    assert "\x1b" not in result.out
    assert server.names() == [r"cat\udcff\u001b[31m.jpg"]


def test_a_request_to_a_busy_server_is_retried(server: Server, tmp_path: Path) -> None:
    server.plans["cat.jpg"] = [refusal(503, "busy", Retry_After="0"), TABBY]
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url)
    assert result.status == 0
    assert result.lines[1] == TABBY.body.decode()
    assert [seen.data for seen in server.seen] == [b"picture", b"picture"]


def test_a_busy_server_that_stays_busy_fails(
    server: Server, tmp_path: Path, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    server.plans["cat.jpg"] = [refusal(503, "busy", Retry_After="1")]
    assert post_request.main([picture(tmp_path / "cat.jpg"), "--url", server.url]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[1])["error"]["message"] == "busy"
    assert waits == [1, 1]


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


@pytest.mark.parametrize("names", [["a.jpg"], ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_server_at_the_address(
    no_server: str, tmp_path: Path, names: list[str], options: list[str]
) -> None:
    files = [picture(tmp_path / name) for name in names]
    result = run(*files, *options, "--url", no_server)
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    assert f"no server at {no_server}/predict" in result.err
    assert "./run_local.sh" in result.err
    assert "./run_docker.sh" in result.err


def test_results_are_shown_when_the_server_stops(server: Server, tmp_path: Path) -> None:
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
    assert "no response from the server" in cells(result, "a.jpg")
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
        env=environment(PYTHONPATH=str(SCRIPT.parent)),
    ) as client:
        assert server.arrived.wait(30)
        client.send_signal(signal.SIGINT)
        _, err = client.communicate(timeout=30)
    assert not server.release.is_set()
    assert client.returncode == 130
    assert err == b""


@POSIX_ONLY
def test_a_reader_that_ends_early_is_not_a_traceback(server: Server, tmp_path: Path) -> None:
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


def test_a_local_server_is_found(
    server: Server,
    no_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PREDICT_URL", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(post_request, "LOCAL", (no_server, server.url))
    cat = picture(tmp_path / "cat.jpg")
    assert post_request.main([cat]) == 0
    assert capsys.readouterr().out.splitlines()[1] == TABBY.body.decode()

    server.is_alive = False  # something else listens there
    assert post_request.main([cat]) == 2
    assert f"no server at {no_server} or {server.url}: start it" in capsys.readouterr().err


def test_a_local_server_is_looked_for_where_the_scripts_start_it() -> None:
    assert post_request.LOCAL == ("http://localhost:8080", "http://localhost")


def test_rich_is_not_required(server: Server, tmp_path: Path) -> None:
    absent = tmp_path / "path" / "rich.py"
    picture(absent, b"raise ModuleNotFoundError('No module named rich', name='rich')")
    server.plans["dog.png"] = [success("beagle", predictions=[PREDICTION])]
    server.plans["bad.jpg"] = [refusal(422, "damaged")]
    files = [picture(tmp_path / name) for name in ("cat.jpg", "dog.png", "bad.jpg")]
    one, many = (
        run(*some, "--url", server.url, cwd=tmp_path, PYTHONPATH=str(absent.parent))
        for some in (files[:1], [Path(file).name for file in files])
    )
    assert one.lines == [f"Checking results for {files[0]}", TABBY.body.decode()]
    assert (one.status, one.err, many.status, many.err) == (0, "", 1, "")
    cells = [re.split("  +", line.strip()) for line in many.lines[:-1]]
    assert [row[:2] for row in cells] == [
        ["file", "label"],
        ["cat.jpg", "tabby, tabby cat"],
        ["dog.png", "beagle"],
        ["bad.jpg", "422 damaged"],
    ]
    assert cells[2][2] == "0.971"
    assert len({len(line) for line in many.lines[:-1]}) == 1
    assert many.lines[-1].startswith("2 ok, 1 failed, ")


@pytest.mark.parametrize(("key", "sent"), [("a-key", "Bearer a-key"), ("", None)])
def test_the_environment_may_hold_an_api_key(
    server: Server, tmp_path: Path, key: str, sent: str | None
) -> None:
    result = run(picture(tmp_path / "cat.jpg"), "--url", server.url, PREDICT_API_KEY=key)
    assert result.status == 0
    assert [seen.authorization for seen in server.seen] == [sent]


def test_an_invalid_api_key_is_reported(tmp_path: Path) -> None:
    result = run(picture(tmp_path / "cat.jpg"), PREDICT_URL="a.host", PREDICT_API_KEY="two\nlines")
    assert result.status == 2
    assert result.err.startswith("post_request: PREDICT_API_KEY: an API key holds only ASCII")
