"""A short run of the fuzzer; for a long one see fuzz_image.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO, encode, gradient

pytest.importorskip("atheris", reason="the fuzzer has no wheel for this machine")

RUNS, RSS_MB = 20_000, 6_000


def test_fuzzing_the_decoder_finds_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        (corpus / kind).write_bytes(encode(gradient(40, 30), kind))
    # The kernel's peak of a process begins with that of its parent: a test run may hold gigabytes.
    limits = ["-timeout=10", f"-rss_limit_mb={RSS_MB}"]
    fuzz = ["-m", "tests.model.fuzz_image", f"-runs={RUNS}", *limits, "-seed=1", str(corpus)]
    run = subprocess.run([sys.executable, *fuzz], cwd=REPO, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"Done {RUNS} runs" in run.stderr
