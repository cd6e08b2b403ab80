"""The page at /docs in a real browser: it renders under its policy, and requests can be sent."""

import json
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.conftest import ESPRESSO
from tests.support.browser import chromium
from tests.support.server import Server, serving

KEY = "a key of 16 characters"
# The colour that is behind an element: its own, or that of the first ancestor that has one.
GROUND = """element => {
    const colour = each => getComputedStyle(each).backgroundColor;
    while (colour(element).startsWith("rgba(0, 0, 0, 0") && element.parentElement)
        element = element.parentElement;
    return colour(element).startsWith("rgba(0, 0, 0, 0") ? "rgb(255, 255, 255)" : colour(element);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "keys.txt").write_text(KEY)
    with serving(folder, API_KEYS_FILE=folder / "keys.txt") as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Open the page; fail if it wants anything from elsewhere, or complains."""
    page = browser.new_page()
    problems: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/docs")
    page.locator(".opblock").first.wait_for()
    yield page
    page.close()
    # A policy that is violated is an error on the console.
    assert problems == []
    assert [url for url in asked if not url.startswith((server.url, "data:"))] == []


def authorize(page: Page, key: str) -> None:
    """Enter an API key."""
    page.locator(".auth-wrapper .authorize").click()
    dialog = page.locator(".auth-container").filter(has_text="X-API-Key")
    dialog.locator("input").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".close-modal").click()


def operation(page: Page, name: str) -> Locator:
    """Unfold an operation."""
    block = page.locator(f"[id$=-{name}].opblock")
    block.locator(".opblock-summary-control").click()
    return block


def execute(block: Locator) -> tuple[str, str]:
    """Send the request; return the status and the body that the page shows."""
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table tbody tr").first
    status = answer.locator(".response-col_status").inner_text()
    return status.strip(), answer.locator("pre").first.inner_text()


def test_every_operation_is_on_the_page(page: Page) -> None:
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    assert [path.replace("\u200b", "") for path in shown] == [
        "/predict", "/upload", "/", "/livez", "/readyz", "/", "/labels", "/openapi.json", "/docs",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["multipart/form-data", "image/*", "application/octet-stream"])
def test_a_picture_can_be_sent_from_the_page(page: Page, kind: str) -> None:
    authorize(page, KEY)
    block = operation(page, "predict")
    block.locator("select.content-type").first.select_option(kind)
    block.locator("input[type=file]").first.set_input_files(ESPRESSO)
    assert block.get_by_placeholder("top_k").input_value() == "5"
    block.get_by_placeholder("top_k").fill("2")
    status, body = execute(block)
    assert status == "200"
    answer = json.loads(body)
    assert answer["response"]["body"] == '"espresso"'
    assert len(answer["predictions"]) == 2


def test_what_needs_no_picture_can_be_asked_for(page: Page) -> None:
    assert execute(operation(page, "livez")) == ("200", '{\n  "status": "alive"\n}')


def test_there_is_a_way_back(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    page.goto(f"{server.url}/docs")
    page.get_by_role("link", name="← Image classification").click()
    page.wait_for_url(f"{server.url}/")
    page.get_by_role("link", name="API").click()
    page.locator(".opblock").first.wait_for()
    page.close()


@pytest.mark.parametrize(("scheme", "is_dark"), [("dark", True), ("light", False)])
def test_it_is_dark_in_the_dark(
    browser: Browser, server: Server, scheme: Literal["dark", "light"], is_dark: bool
) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{server.url}/docs")
    page.locator(".opblock").first.wait_for()
    block = operation(page, "predict")
    for element in (page.locator("body"), block, block.locator("input[type=file]").first):
        ground = element.evaluate(GROUND)
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == is_dark, ground
    page.close()


def test_a_policy_that_is_violated_would_be_seen(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    seen: list[str] = []
    page.on("console", lambda line: seen.append(line.text))
    page.goto(f"{server.url}/docs")
    page.evaluate("document.head.append(document.createElement('script'))")
    page.evaluate("document.querySelector('head script').textContent = 'alert(1)'")
    page.evaluate("fetch('http://127.0.0.1:1/').catch(() => 0)")
    page.close()
    assert any("Content Security Policy" in text for text in seen)
