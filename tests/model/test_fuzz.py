"""A short run of the fuzzer; for a long one see fuzz_image.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO, encode, gradient

pytest.importorskip("atheris", reason="the fuzzer has no wheel for this machine")

RUNS = 20_000


def test_fuzzing_the_decoder_finds_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        (corpus / kind).write_bytes(encode(gradient(40, 30), kind))
    fuzz = ["-m", "tests.model.fuzz_image", f"-runs={RUNS}", "-timeout=10", "-seed=1", str(corpus)]
    run = subprocess.run([sys.executable, *fuzz], cwd=REPO, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"Done {RUNS} runs" in run.stderr
