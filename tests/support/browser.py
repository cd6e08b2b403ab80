"""A real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

ELSEWHERE = "pictures.example"  # this machine as another: without HTTPS browsers trust it less


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run it while the `with` lasts; where there is none, the test is skipped."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        # Its own sandbox cannot be had by root, nor in many containers; it sees our pages alone.
        args = ["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=path, args=args)
        yield browser
        browser.close()
