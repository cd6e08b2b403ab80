"""The picture of the page in the README."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from docs.screenshot import OUTPUT, SIZE
from tests.conftest import REPO


def test_the_picture_is_small_and_can_be_drawn_again(tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    command = [sys.executable, "-m", "docs.screenshot", str(file)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True, timeout=120)
    for path in (file, OUTPUT):
        with Image.open(path) as picture:
            assert picture.size == (SIZE["width"], SIZE["height"])
        assert path.stat().st_size < 120_000
