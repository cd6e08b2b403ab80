"""A worker's last words are a line of the log."""

import os
import signal
from pathlib import Path

from inference_app.pool.crash_report import CAPACITY, CrashReport
from tests.support.server import serving, wait_until


def test_a_crash_is_a_line_of_the_log(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        crashed, _ = server.workers()
        os.kill(crashed, signal.SIGSEGV)
        wait_until(lambda: server.log(message="a worker wrote to stderr"), "it is logged")
        (line,) = server.log(message="a worker wrote to stderr")
        assert (line["level"], line["worker"]) == ("error", crashed)
        assert line["stderr"].startswith("Fatal Python error: Segmentation fault")
        assert "gthread.py" in line["stderr"]
        wait_until(lambda: len(server.workers()) == 3, "another worker is ready")
    assert server.stderr.read_bytes() == b""
    assert len(server.log(message="a worker wrote to stderr")) == 1  # those that ended well: none


def test_a_full_pipe_blocks_no_writer() -> None:
    report = CrashReport()
    assert report.take() == ""
    if (child := os.fork()) == 0:
        report.redirect_stderr()
        while True:
            try:
                os.write(2, b"x" * 4096)
            except BlockingIOError:
                os._exit(0)
    os.waitpid(child, 0)
    assert report.take() == "x" * CAPACITY
    assert report.take() == ""
