"""What the page says when something is wrong, and that it gets over it."""

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of
from tests.conftest import ESPRESSO, SAMPLES
from tests.stack.fronted import fronted
from tests.support.server import free_port, serving
from tests.web.page.conftest import Visit, cards, choose, picture, running

KEY = "a-key-of-the-tests-own"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"text", "not a picture of a kind that is accepted"),
        ("half.jpg", ESPRESSO.read_bytes()[:5000], "damaged"),
        ("empty.jpg", b"", "has no bytes"),
        ("large.jpg", bytes(33 * 2**20), "larger than"),
    ],
)
def test_the_server_s_own_words_say_what_is_wrong_with_a_picture(
    visit: Visit, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    page = visit()
    (tmp_path / name).write_bytes(content)
    choose(page, tmp_path / name, ESPRESSO)
    expect(page.locator("#progress")).to_have_text("1 of 2 answered, 1 failed")
    expect(cards(page).first.locator(".problem")).to_contain_text(message)
    expect(cards(page).first.get_by_role("button", name="Try again")).to_be_hidden()
    expect(cards(page).last.locator(".ranking li").first).to_contain_text("espresso")


def test_a_name_is_text_whatever_it_holds(visit: Visit) -> None:
    page = visit()
    name = "<img src=x onerror=alert(1)>.jpg"
    choose(page, picture(name, b"text"))
    expect(cards(page).locator("h3")).to_have_text(name)


def test_what_cannot_be_read_is_not_taken_for_a_lost_connection(
    visit: Visit, app: Flask, tmp_path: Path
) -> None:
    port, path = free_port(), tmp_path / "photo.jpg"
    path.write_bytes(ESPRESSO.read_bytes())
    with running(app, port) as url:
        page = visit(url)
    choose(page, path)
    expect(cards(page).locator(".problem")).to_contain_text("The server cannot be reached")
    path.unlink()
    cards(page).get_by_role("button", name="Try again").click()
    expect(cards(page).locator(".problem")).to_contain_text("This cannot be read")


def test_a_lost_server_is_told_and_asked_again(visit: Visit, app: Flask) -> None:
    port = free_port()
    with running(app, port) as url:
        page = visit(url)
        expect(page.locator("#model")).to_contain_text("classes")
    choose(page, ESPRESSO, SAMPLES / "orange.jpg")
    expect(page.locator("#progress")).to_have_text("0 of 2 answered, 2 failed")
    expect(cards(page).first.locator(".problem")).to_contain_text("cannot be reached")
    with running(app, port):
        cards(page).first.get_by_role("button", name="Try again").click()
        expect(cards(page).first.locator(".ranking li").first).to_contain_text("espresso")
        expect(cards(page).first.locator(".problem")).to_be_hidden()
        expect(cards(page).first.locator("h3")).to_be_focused()
        expect(page.locator("#progress")).to_have_text("1 of 2 answered, 1 failed")


def test_all_that_failed_can_be_asked_again_at_once(visit: Visit, app: Flask) -> None:
    port = free_port()
    with running(app, port) as url:
        page = visit(url)
    choose(page, *[ESPRESSO] * 6)
    expect(page.locator("#progress")).to_have_text("0 of 6 answered, 6 failed")
    with running(app, port):
        page.get_by_role("button", name="Try the failed ones again").click()
        expect(page.locator("#progress")).to_have_text("6 of 6 answered")


def test_a_busy_server_is_asked_again_when_it_says(
    visit: Visit, not_ready: tuple[Flask, str], classifier: Classifier
) -> None:
    app, url = not_ready
    page = visit(url)
    expect(page.locator("#model")).to_have_text(
        "The model is still loading. Try again in a moment."
    )
    choose(page, ESPRESSO)
    expect(cards(page)).to_contain_text("The model is still loading")
    expect(cards(page)).to_contain_text("The page asks again in 1 s.")
    state_of(app).classifier = classifier
    expect(cards(page).locator(".ranking li").first).to_contain_text("espresso")
    expect(page.locator("#model")).to_contain_text("200 classes")


def test_a_server_that_stays_busy_is_left_alone_until_somebody_asks(
    visit: Visit, not_ready: tuple[Flask, str], classifier: Classifier
) -> None:
    app, url = not_ready
    page = visit(url)
    choose(page, ESPRESSO)
    again = cards(page).get_by_role("button", name="Try again")
    expect(again).to_be_visible(timeout=20_000)
    expect(cards(page).locator(".problem")).to_contain_text("still loading")
    state_of(app).classifier = classifier
    again.click()
    expect(cards(page).locator(".ranking li").first).to_contain_text("espresso")


def test_a_quota_slows_the_page_down_and_costs_no_picture(visit: Visit, tmp_path: Path) -> None:
    """Behind NGINX. The page's own files are not counted, or it would not come up whole."""
    with fronted(tmp_path, "inference_app", CLIENT_RATE="4r/s", CLIENT_BURST="3") as stack:
        page = visit(stack.url)
        expect(page.locator("#model")).to_contain_text("200 classes")
        with page.expect_response(lambda answer: answer.status == 429):
            choose(page, *[ESPRESSO] * 12)
        expect(page.locator("#progress")).to_have_text("12 of 12 answered", timeout=30_000)


def test_a_key_is_asked_for_where_the_server_wants_one(visit: Visit, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY)
    with serving(tmp_path, API_KEYS_FILE=keys) as server:
        page = visit(server.url)
        field = page.get_by_label("This server wants an API key")
        expect(field).to_be_visible()
        choose(page, ESPRESSO)
        expect(cards(page).locator(".problem")).to_contain_text("API key")
        field.fill("not-the-key-of-this-server")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The server does not know this key.")).to_be_visible()
        field.fill(KEY)
        page.keyboard.press("Enter")
        expect(cards(page).locator(".ranking li").first).to_contain_text("espresso")
        expect(field).to_be_hidden()
        expect(page.locator("#model")).to_contain_text("200 classes")
        cards(page).get_by_text("Answered in").click()
        expect(cards(page).locator("code")).to_contain_text("-H 'Authorization: Bearer KEY'")
        assert KEY not in page.content()


def test_what_is_not_this_server_s_answer_is_told(visit: Visit, app: Flask) -> None:
    app.view_functions["routes.predict"] = lambda: ("<h1>Log in to this network</h1>", 200)
    with running(app) as url:
        page = visit(url)
        choose(page, ESPRESSO)
        expect(cards(page).locator(".problem")).to_have_text(re.compile("cannot be read.*200"))
        expect(cards(page).get_by_role("button", name="Try again")).to_be_visible()
