"""The page for everybody: small screens, dark rooms, screen readers; and nothing moves about."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ESPRESSO
from tests.support.server import Server
from tests.web.page.conftest import Visit, cards, choose, picture

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 640},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
SIZES = {"desktop": DESKTOP, "phone": PHONE}

# What moved although nobody had done anything: the Layout Instability API's entries.
SHIFTS = """() => new Promise(resolve => {
    new PerformanceObserver(list => resolve(list.getEntries().map(each => each.value)))
        .observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => setTimeout(resolve, 200, []));
})"""


def fill(page: Page) -> None:
    """Bring up everything that the page can show."""
    bad = picture("A name that is too long for its line " * 5, b"text")
    choose(page, picture("espresso.jpg", ESPRESSO.read_bytes()), bad)
    expect(page.locator("#progress")).to_have_text("1 of 2 answered, 1 failed")
    cards(page).first.get_by_text("Answered in").click()
    page.get_by_text("All 200 classes").click()
    page.locator("#key").evaluate("form => { form.hidden = false; }")
    page.locator(".again").evaluate_all("all => all.forEach(one => { one.hidden = false; })")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_axe_finds_nothing(visit: Visit, size: str, scheme: str, filled: bool) -> None:
    page = visit(color_scheme=scheme, **SIZES[size])
    expect(page.locator("#model")).to_contain_text("classes")
    if filled:
        fill(page)
    found = Axe().run(page, options={}).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert {"color-contrast", "label"} <= {each["id"] for each in found["passes"]}


def test_the_policy_is_enforced(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    page.goto(server.url)
    page.evaluate("() => document.body.setAttribute('style', 'color: red')")
    assert page.evaluate("() => document.body.style.length") == 0
    page.close()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(visit: Visit, size: str) -> None:
    page = visit(**SIZES[size])
    fill(page)
    widths: list[int] = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


def test_a_phone_can_take_a_photo(visit: Visit) -> None:
    page = visit(**PHONE)
    camera = page.get_by_label("Take a photo")
    assert camera.get_attribute("capture") == "environment"
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Take a photo").tap()
    chooser.value.set_files(ESPRESSO)
    expect(cards(page).locator(".ranking li").first).to_contain_text("espresso")
    expect(cards(page).locator(".ranking li").first).to_be_in_viewport()


def test_the_camera_is_offered_where_there_is_touch(visit: Visit) -> None:
    expect(visit(**DESKTOP).get_by_text("Take a photo")).to_be_hidden()


def test_the_page_is_dark_in_the_dark(visit: Visit) -> None:
    def ground(**options: Any) -> int:
        text = visit(**options).evaluate(
            "() => getComputedStyle(document.documentElement).backgroundColor"
        )
        return sum(map(int, re.findall(r"\d+", text)))

    assert ground(color_scheme="dark") < 150 < 600 < ground(color_scheme="light")


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_for_who_wants_it_still(
    visit: Visit, not_ready: tuple[Flask, str], motion: str, moves: bool
) -> None:
    page = visit(not_ready[1], reduced_motion=motion)
    choose(page, ESPRESSO)
    expect(cards(page)).to_have_attribute("data-state", "waiting")
    assert page.evaluate("() => document.getAnimations().length > 0") == moves


@pytest.mark.parametrize("size", SIZES)
def test_an_answer_moves_nothing(visit: Visit, size: str) -> None:
    page = visit(**SIZES[size])
    choose(page, ESPRESSO)
    expect(cards(page)).to_have_attribute("data-state", "answered")
    answered = cards(page).bounding_box()
    cards(page).evaluate("card => { card.dataset.state = 'waiting'; }")
    assert cards(page).bounding_box() == answered


@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_while_the_page_comes_up(visit: Visit, size: str) -> None:
    page = visit(**SIZES[size])
    expect(page.locator("#model")).to_contain_text("classes")
    assert page.evaluate(SHIFTS) == []


def test_nothing_comes_from_elsewhere(visit: Visit, server: Server) -> None:
    page = visit("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    fill(page)
    assert {url for url in asked if not url.startswith((server.url, f"blob:{server.url}"))} == set()
    assert len(asked) > 10
