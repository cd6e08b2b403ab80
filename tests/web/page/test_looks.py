"""The page for everybody: small screens, dark rooms, screen readers; and nothing moves about."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ESPRESSO, encode, gradient
from tests.support.server import Server
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

DESKTOP: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
SIZES = {"desktop": DESKTOP, "phone": PHONE}
GOOD, UNSURE = picture("espresso.jpg", ESPRESSO.read_bytes()), picture("g.png", encode(gradient()))
BAD = picture("A name that is too long for its line " * 5, b"text")

TOP = "each => each.getBoundingClientRect().top"
# What moved although nobody had done anything: the Layout Instability API's entries.
SHIFTS = """() => new Promise(resolve => {
    new PerformanceObserver(list => resolve(list.getEntries().map(each => each.value)))
        .observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => setTimeout(resolve, 200, []));
})"""


def one(page: Page) -> None:
    """Show one picture, with all that can be unfolded."""
    choose(page, GOOD)
    expect(winner(page)).to_have_text("espresso")
    for summary in page.locator("summary:visible").all():
        summary.click()


def unsure(page: Page) -> None:
    """Show one picture that the model is unsure of."""
    choose(page, UNSURE)
    expect(detail(page).get_by_text("Not sure")).to_be_visible()


def many(page: Page) -> None:
    """Show tiles and a failure, and offer to undo."""
    choose(page, *[GOOD, BAD, UNSURE] * 3)
    expect_progress(page, "6 of 9 classified, 3 failed")
    page.get_by_role("button", name="Remove espresso.jpg").first.focus()
    page.keyboard.press("Enter")


def failures(page: Page) -> None:
    """Show failures, and all that says why."""
    choose(page, BAD, GOOD)
    expect_progress(page, "1 of 2 classified, 1 failed")
    page.get_by_text("Failed 1").click()
    page.locator("#key").evaluate("form => { form.hidden = false; }")
    page.locator(".again, #busy").evaluate_all("all => all.forEach(e => { e.hidden = false; })")


def large(page: Page) -> None:
    """Show one of many at large."""
    choose(page, GOOD, UNSURE)
    expect_progress(page, "2 of 2 classified")
    tiles(page).first.locator(".open").click()


VIEWS: list[Callable[[Page], None]] = [lambda _: None, one, unsure, many, failures, large]
NAMES = ["empty", "one", "unsure", "many", "failures", "large"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_axe_finds_nothing(
    visit: Visit, size: str, scheme: str, view: Callable[[Page], None]
) -> None:
    page = visit(color_scheme=scheme, **SIZES[size])
    expect(page.locator("#model")).to_contain_text("classes")
    view(page)
    found = Axe().run(page, options={}).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert {"color-contrast", "button-name"} <= {each["id"] for each in found["passes"]}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_nothing_is_wider_than_the_screen(
    visit: Visit, size: str, view: Callable[[Page], None]
) -> None:
    page = visit(**SIZES[size])
    expect(page.locator("#model")).to_contain_text("classes")
    view(page)
    widths: list[int] = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("size", SIZES)
def test_the_first_result_is_in_sight(visit: Visit, size: str) -> None:
    page = visit(**SIZES[size])
    choose(page, GOOD)
    expect(winner(page)).to_have_text("espresso")
    expect(detail(page).locator(".ranking")).to_be_in_viewport(ratio=1)
    choose(page, *[GOOD] * 20)
    expect_progress(page, "21 of 21 classified")
    expect(tiles(page).first.locator(".name")).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollY") == 0


def test_on_a_phone_the_label_is_above_the_picture(visit: Visit) -> None:
    page = visit(**PHONE)
    choose(page, GOOD)
    expect(winner(page)).to_have_text("espresso")
    label, image = winner(page).bounding_box(), detail(page).locator("img").bounding_box()
    assert label is not None
    assert image is not None
    assert label["y"] + label["height"] < image["y"]


def test_a_long_name_is_shown_whole(visit: Visit) -> None:
    """Also where it has no spaces to break at."""
    page = visit(**PHONE)
    choose(page, GOOD)
    expect(winner(page)).to_have_text("espresso")
    winner(page).evaluate("name => { name.textContent = 'Donaudampfschifffahrt'.repeat(3); }")
    inside, outside = winner(page).bounding_box(), detail(page).bounding_box()
    assert inside is not None
    assert outside is not None
    assert inside["x"] + inside["width"] <= outside["x"] + outside["width"]


def test_forced_colours_keep_the_bars(visit: Visit) -> None:
    page = visit(forced_colors="active")
    choose(page, GOOD)
    expect(winner(page)).to_have_text("espresso")
    bar = "row => getComputedStyle(row, '::after')"
    image = detail(page).locator("h3").evaluate(f"row => ({bar})(row).backgroundImage")
    colours = re.findall(r"rgba?\(.*?\)", image)
    border = detail(page).locator("h3").evaluate(f"row => ({bar})(row).borderTopStyle")
    ground = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert colours
    assert ground not in colours
    assert border == "solid"


def test_the_policy_is_enforced(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    page.goto(server.url)
    page.evaluate("() => document.body.setAttribute('style', 'color: red')")
    assert page.evaluate("() => document.body.style.length") == 0
    page.close()


def test_a_phone_can_take_a_photo(visit: Visit) -> None:
    page = visit(**PHONE)
    camera = page.get_by_label("Take a photo")
    assert camera.get_attribute("capture") == "environment"
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Take a photo").tap()
    chooser.value.set_files(ESPRESSO)
    expect(winner(page)).to_have_text("espresso")


def test_the_camera_is_offered_with_touch_and_dropping_with_a_mouse(visit: Visit) -> None:
    expect(visit(**DESKTOP).get_by_text("Take a photo")).to_be_hidden()
    expect(visit(**DESKTOP).get_by_text("drop them anywhere")).to_be_visible()
    expect(visit(**PHONE).get_by_text("drop them anywhere")).to_be_hidden()


def test_the_page_is_dark_in_the_dark(visit: Visit) -> None:
    def ground(**options: Any) -> int:
        text = visit(**options).evaluate(
            "() => getComputedStyle(document.documentElement).backgroundColor"
        )
        return sum(map(int, re.findall(r"\d+", text)))

    assert ground(color_scheme="dark") < 150 < 600 < ground(color_scheme="light")


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_is_animated_where_reduced_motion_is_preferred(
    visit: Visit, not_ready: tuple[Flask, str], motion: str, moves: bool
) -> None:
    page = visit(not_ready[1], reduced_motion=motion)
    choose(page, ESPRESSO)
    expect(detail(page)).to_be_visible()
    assert page.evaluate("() => document.getAnimations().length > 0") == moves


@pytest.mark.parametrize("size", SIZES)
def test_a_result_moves_nothing(
    visit: Visit, app: Flask, halted: threading.Event, size: str
) -> None:
    with running(app) as url:
        page = visit(url, **SIZES[size])
        choose(page, ESPRESSO)
        expect(winner(page)).to_have_text("Classifying…")
        places = [detail(page).locator("h3 .name"), detail(page).locator("figure")]
        before = [each.evaluate(TOP) for each in places]
        halted.set()
        expect(winner(page)).to_have_text("espresso")
        assert [each.evaluate(TOP) for each in places] == before


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
    many(page)
    tiles(page).last.locator(".open").click()
    assert {url for url in asked if not url.startswith((server.url, f"blob:{server.url}"))} == set()
    assert len(asked) > 10
