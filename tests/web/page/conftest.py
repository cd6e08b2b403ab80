"""The page in a real browser, and what the tests do with it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from werkzeug.serving import make_server

from inference_app.app import create_app
from inference_app.config import Settings
from tests.support.browser import chromium
from tests.support.server import Server, serving

Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("page")) as server:
        yield server
        assert not server.log(level="error")


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """Open the page; in the end nothing may have failed in it, or been against its policy."""
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # Chromium reports every status of 400 and more; those are what some tests are about.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def open_(url: str = server.url, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # Playwright watches for them from now on; later, a test might be faster than it.
        page.on("filechooser", lambda _: None)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@contextmanager
def running(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve an app of the test's own while the `with` lasts; returns its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def not_ready(settings: Settings) -> Iterator[tuple[Flask, str]]:
    """Run an app that has no model yet; returns it and its address."""
    app = create_app(settings)
    with running(app) as url:
        yield app, url


@pytest.fixture
def halted(app: Flask) -> threading.Event:
    """Let an app classify only once this is set."""
    event = threading.Event()
    predict = app.view_functions["routes.predict"]

    def wait() -> Any:
        event.wait(30)
        return predict()

    app.view_functions["routes.predict"] = wait
    return event


def detail(page: Page) -> Locator:
    """Return the picture that is shown at large."""
    return page.locator("#latest .detail")


def winner(page: Page) -> Locator:
    """Return the name of its most likely class."""
    return detail(page).locator("h3 .name")


def tiles(page: Page) -> Locator:
    """Return all pictures on the page, the newest first; the one at large is hidden among them."""
    return page.locator(".tile")


def choose(page: Page, *pictures: Path | dict[str, Any]) -> None:
    """Choose files, as the button lets one do."""
    files: list[Any] = list(pictures)
    if any(isinstance(each, dict) for each in files):  # Playwright takes the one kind or the other
        files = [picture(e.name, e.read_bytes()) if isinstance(e, Path) else e for e in files]
    page.get_by_label("Choose pictures").set_input_files(files)


def expect_progress(page: Page, text: str, timeout: float = 30_000) -> None:
    """Wait until the page counts this."""
    expect(page.locator("#progress")).to_have_text(text, timeout=timeout)


def picture(name: str, content: bytes) -> dict[str, Any]:
    """Return a file that can be chosen, without a file."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}
