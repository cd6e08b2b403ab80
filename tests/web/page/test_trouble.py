"""What the page says when something is wrong, and how it recovers."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of
from tests.conftest import ESPRESSO, encode, gradient
from tests.stack.fronted import fronted
from tests.support.server import free_port, serving
from tests.web.page.conftest import (
    Visit,
    choose,
    detail,
    expect_progress,
    picture,
    running,
    tiles,
    winner,
)

KEY = "a-key-of-the-tests-own"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"text", "not a picture of a kind that is accepted"),
        ("half.jpg", ESPRESSO.read_bytes()[:5000], "damaged"),
        ("empty.jpg", b"", "has no bytes"),
    ],
)
def test_the_server_tells_what_is_wrong_with_a_picture(
    visit: Visit, name: str, content: bytes, message: str
) -> None:
    page = visit()
    choose(page, picture(name, content), ESPRESSO)
    expect_progress(page, "1 of 2 classified, 1 failed")
    expect(tiles(page).first.locator(".problem")).to_contain_text(message)
    expect(tiles(page).first.get_by_role("button", name="Try again")).to_be_hidden()
    expect(tiles(page).last.locator(".name")).to_have_text("espresso")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(2 * 2**20), "It has 2.0 MB; this server accepts 1. Send it smaller."),
        (encode(gradient(1001, 1000)), "It has 1.0 megapixels; this server accepts 1."),
    ],
)
def test_what_is_too_large_is_not_sent(
    visit: Visit, settings: Settings, content: bytes, message: str
) -> None:
    with running(create_app(replace(settings, max_upload_mb=1, max_megapixels=1))) as url:
        page = visit(url)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        choose(page, picture("large.png", content))
        expect(page.locator(".problem:visible")).to_contain_text(message)
        assert not any("predict" in url for url in asked)


def test_a_picture_of_the_largest_size_is_accepted(visit: Visit, tmp_path: Path) -> None:
    """The page allows for what the form adds to the file."""
    with serving(tmp_path, MAX_UPLOAD_MB="1") as server:
        page = visit(server.url)
        content = ESPRESSO.read_bytes()
        room = 2**20 - 2048 - len(content)
        choose(page, picture(f"{'long' * 60}.jpg", content + bytes(room)))
        expect(winner(page)).to_have_text("espresso")


def test_a_name_is_text_whatever_it_holds(visit: Visit) -> None:
    page = visit()
    name = "<img src=x onerror=alert(1)>.jpg"
    choose(page, picture(name, ESPRESSO.read_bytes()))
    expect(detail(page).locator("figcaption")).to_have_text(name)
    expect(tiles(page).locator(".file")).to_have_text(name)


def test_what_cannot_be_read_is_not_taken_for_a_lost_connection(
    visit: Visit, app: Flask, tmp_path: Path
) -> None:
    port, path = free_port(), tmp_path / "photo.jpg"
    path.write_bytes(ESPRESSO.read_bytes())
    with running(app, port) as url:
        page = visit(url)
    choose(page, path)
    expect(page.locator("#notice")).to_contain_text("The server cannot be reached.")
    path.unlink()
    expect(page.locator(".problem:visible")).to_contain_text("It cannot be read")


def test_a_lost_server_is_retried(visit: Visit, app: Flask) -> None:
    port = free_port()
    with running(app, port) as url:
        page = visit(url)
        expect(page.locator("#model")).to_contain_text("classes")
    choose(page, *[ESPRESSO] * 6)
    expect(page.locator("#notice")).to_have_text(
        "The server cannot be reached. Trying again in 1 s."
    )
    with running(app, port):
        expect_progress(page, "6 of 6 classified")
        expect(page.locator("#busy")).to_be_hidden()


def test_a_server_that_stays_away_stops_the_work_until_told_to_continue(
    visit: Visit, app: Flask
) -> None:
    port = free_port()
    with running(app, port) as url:
        page = visit(url)
    choose(page, *[ESPRESSO] * 6)
    more = page.get_by_role("button", name="Continue")
    expect(more).to_be_visible(timeout=20_000)
    expect(page.locator("#said")).to_have_text("The server cannot be reached.")
    expect_progress(page, "0 of 6 classified")
    with running(app, port):
        more.click()
        expect_progress(page, "6 of 6 classified")


def test_a_busy_server_is_retried_when_it_says(
    visit: Visit, not_ready: tuple[Flask, str], classifier: Classifier
) -> None:
    app, url = not_ready
    page = visit(url)
    message = "The model is still loading. Try again in a moment."
    expect(page.locator("#model")).to_have_text(message)
    choose(page, ESPRESSO)
    expect(page.locator("#notice")).to_have_text(f"{message} Trying again in 1 s.")
    state_of(app).classifier = classifier
    expect(winner(page)).to_have_text("espresso")
    expect(page.locator("#model")).to_contain_text("200 classes")


def test_while_the_server_is_busy_nothing_is_sent(
    visit: Visit, not_ready: tuple[Flask, str]
) -> None:
    page = visit(not_ready[1])
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, *[ESPRESSO] * 50)
    expect(page.get_by_role("button", name="Continue")).to_be_visible(timeout=20_000)
    assert len([url for url in sent if "predict" in url]) <= 5 * 4


def failing(app: Flask, failures: int) -> None:
    """Let an app fail so many times before it classifies."""
    predict = app.view_functions["routes.predict"]
    left = iter(range(failures))

    def fail() -> Any:
        if next(left, None) is None:
            return predict()
        return {"success": False, "error": {"message": "The server failed."}}, 500

    app.view_functions["routes.predict"] = fail


def test_a_failure_of_the_server_can_be_retried(visit: Visit, app: Flask) -> None:
    failing(app, 1)
    with running(app) as url:
        page = visit(url)
        choose(page, ESPRESSO)
        expect(page.locator(".problem:visible")).to_have_text("The server failed.")
        page.get_by_role("button", name="Try again").click()
        expect(winner(page)).to_have_text("espresso")
        expect(page.locator(".problem:visible")).to_have_count(0)


def test_all_that_failed_can_be_retried_at_once(visit: Visit, app: Flask) -> None:
    failing(app, 3)
    with running(app) as url:
        page = visit(url)
        choose(page, *[ESPRESSO] * 6)
        expect_progress(page, "3 of 6 classified, 3 failed")
        page.get_by_role("button", name="Retry the failed").click()
        expect_progress(page, "6 of 6 classified")


def test_a_server_that_fails_again_and_again_is_left_alone(visit: Visit, app: Flask) -> None:
    failing(app, 1000)
    with running(app) as url:
        page = visit(url)
        choose(page, *[ESPRESSO] * 40)
        expect(page.get_by_role("button", name="Continue")).to_be_visible()
        expect(page.locator("#notice")).to_have_text("The server failed.")
        expect_progress(page, "0 of 40 classified, 5 failed")


def test_a_quota_slows_the_page_down_and_costs_no_picture(visit: Visit, tmp_path: Path) -> None:
    """Behind NGINX. The page's own files are not counted, or it would not come up whole."""
    with fronted(tmp_path, "inference_app", CLIENT_RATE="4r/s", CLIENT_BURST="3") as stack:
        page = visit(stack.url)
        expect(page.locator("#model")).to_contain_text("200 classes")
        with page.expect_response(lambda answer: answer.status == 429):
            choose(page, *[ESPRESSO] * 12)
        expect_progress(page, "12 of 12 classified")


def test_a_key_is_asked_for_where_the_server_has_keys(visit: Visit, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY)
    with serving(tmp_path, API_KEYS_FILE=keys) as server:
        page = visit(server.url)
        field = page.get_by_label("This server wants an API key")
        expect(field).to_be_visible()
        choose(page, ESPRESSO, ESPRESSO)
        expect(page.locator("#notice")).to_contain_text("API key")
        field.fill("not-the-key-of-this-server")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The server does not know this key.")).to_be_visible()
        field.fill(KEY)
        page.keyboard.press("Enter")
        expect_progress(page, "2 of 2 classified")
        expect(field).to_be_hidden()
        expect(page.locator("#model")).to_contain_text("200 classes")
        tiles(page).first.locator(".open").click()
        page.get_by_role("dialog").get_by_text("Time and command line").click()
        line = page.get_by_role("dialog").locator("code")
        expect(line).to_contain_text("-H 'Authorization: Bearer KEY'")
        assert KEY not in page.content()


def test_what_is_not_a_response_of_this_server_is_told(visit: Visit, app: Flask) -> None:
    app.view_functions["routes.predict"] = lambda: ("<h1>Log in to this network</h1>", 200)
    with running(app) as url:
        page = visit(url)
        choose(page, ESPRESSO)
        expect(page.locator(".problem:visible")).to_have_text(re.compile("cannot be read.*200"))
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
