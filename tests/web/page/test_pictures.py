"""Every way in which a picture gets onto the page, and what is then said of it."""

import base64
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import JSHandle, Locator, Page, expect

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from tests.conftest import ESPRESSO, SAMPLES, encode, gradient
from tests.support.browser import ELSEWHERE
from tests.support.server import Server
from tests.web.page.conftest import Visit, cards, choose, picture, running

ORANGE = SAMPLES / "orange.jpg"
STAGES = ["read", "queue", "decode", "infer", "other", "network"]

# Puts files into what a browser hands over when something is dropped or pasted.
TRANSFER = """files => {
    const transfer = new DataTransfer();
    for (const [name, text] of files)
        transfer.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name));
    return transfer;
}"""


def labels(card: Locator) -> Sequence[str]:
    """Return the labels on a card, the likeliest first."""
    return card.locator(".ranking span:first-child").all_text_contents()


def transfer(page: Page, *paths: Path) -> JSHandle:
    """Return a DataTransfer that holds files."""
    files = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in paths]
    return page.evaluate_handle(TRANSFER, files)


def test_a_chosen_picture_is_shown_with_its_five_likeliest_classes(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO)
    card = cards(page)
    expect(card.locator("h3")).to_have_text("espresso.jpg")
    expect(card.locator(".ranking li").first).to_have_text(re.compile(r"^espresso\d\d\.\d %$"))
    assert len(labels(card)) == 5
    width = card.get_by_alt_text("Preview of espresso.jpg").evaluate("img => img.naturalWidth")
    assert width == 640


def test_scores_are_those_that_the_server_gives_and_bars_are_as_long(visit: Visit) -> None:
    page = visit()
    with page.expect_response("**/predict?top_k=5") as answered:
        choose(page, ESPRESSO)
    wanted = [each["score"] for each in answered.value.json()["predictions"]]
    expect(cards(page)).to_have_attribute("data-state", "answered")
    texts = cards(page).locator(".ranking span:last-child").all_text_contents()
    assert texts == [f"{100 * score:.1f} %" for score in wanted]
    bars = (
        cards(page)
        .locator(".ranking li")
        .evaluate_all(
            "rows => rows.map(row => parseFloat(getComputedStyle(row, '::after').backgroundSize))"
        )
    )
    assert bars == pytest.approx([100 * score for score in wanted], abs=0.1)


def test_the_time_is_told_by_stage(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO)
    cards(page).get_by_text("Answered in").click()
    assert cards(page).locator("dt").all_text_contents() == STAGES
    times = [
        float(text.removesuffix(" ms")) for text in cards(page).locator("dd").all_text_contents()
    ]
    total = float(cards(page).locator(".time").inner_text().split()[2])
    assert sum(times) == pytest.approx(total, abs=1)
    assert min(times[2:4]) > 0


@pytest.mark.parametrize("name", ["espresso.jpg", 'a "b"; it\'s $HOME, \\ é.jpg'])
def test_the_curl_line_does_the_same(visit: Visit, name: str, tmp_path: Path) -> None:
    page = visit()
    choose(page, picture(name, ESPRESSO.read_bytes()))
    cards(page).get_by_text("Answered in").click()
    line = cards(page).locator("code").inner_text()
    (tmp_path / name).write_bytes(ESPRESSO.read_bytes())
    run = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert f'"label":"{labels(cards(page))[4]}"' in run.stdout.decode()


def test_the_curl_line_can_be_copied_without_https(visit: Visit, server: Server) -> None:
    page = visit(server.url.replace("127.0.0.1", ELSEWHERE))
    choose(page, ESPRESSO)
    cards(page).get_by_text("Answered in").click()
    cards(page).get_by_role("button", name="Copy").click()
    expect(cards(page).get_by_role("button", name="Copied")).to_be_visible()
    page.get_by_text("All 200 classes").click()
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Control+V")
    line = page.get_by_role("searchbox").input_value()
    assert shlex.split(line)[:3] == ["curl", "-F", "image=@espresso.jpg"]


def test_pictures_can_be_dropped_anywhere(visit: Visit) -> None:
    page = visit()
    data = {"dataTransfer": transfer(page, ESPRESSO, ORANGE)}
    page.dispatch_event("h1", "dragover", data)
    expect(page.locator("body")).to_have_class("dragging")
    page.dispatch_event("h1", "drop", data)
    expect(page.locator("body")).not_to_have_class("dragging")
    expect(page.locator("#progress")).to_have_text("2 of 2 answered")
    assert [labels(card)[0] for card in cards(page).all()] == ["espresso", "orange"]


def test_text_can_still_be_dropped_into_a_field(visit: Visit) -> None:
    page = visit()
    text = page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.setData('text', 'x'); return t; }"
    )
    page.dispatch_event("#search", "dragover", {"dataTransfer": text})
    expect(page.locator("body")).not_to_have_class("dragging")


def test_a_picture_can_be_pasted(visit: Visit, server: Server) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-write"], origin=server.url)
    page.evaluate(
        """async text => {
            const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
            const item = {"image/png": new Blob([bytes], {type: "image/png"})};
            await navigator.clipboard.write([new ClipboardItem(item)]);
        }""",
        base64.b64encode((SAMPLES / "computer_keyboard.png").read_bytes()).decode(),
    )
    page.keyboard.press("Control+V")
    expect(cards(page).locator(".ranking li").first).to_contain_text("computer keyboard")
    expect(cards(page).locator("h3")).to_have_text("image.png")


@pytest.mark.parametrize(
    "name", ["lighthouse", "keyboard", "espresso", "flag", "jellyfish", "oranges"]
)
def test_a_sample_is_a_click_away(visit: Visit, name: str) -> None:
    page = visit()
    page.get_by_role("button", name=f"Sample: {name}").click()
    expect(cards(page).locator(".ranking li").first).to_contain_text(name.removesuffix("s"))
    cards(page).get_by_text("Answered in").click()
    line = cards(page).locator("code").inner_text()
    run = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert f'"label":"{labels(cards(page))[0]}"' in run.stdout.decode()


def test_many_pictures_are_sent_four_at_a_time_and_answered_each(visit: Visit) -> None:
    page = visit()
    # Counted inside the page, so that none is missed: how many are on their way at a time.
    page.evaluate(
        """() => {
            const ask = window.fetch;
            window.open_now = window.open_most = 0;
            window.fetch = async (...all) => {
                window.open_most = Math.max(window.open_most, ++window.open_now);
                return ask(...all).finally(() => { window.open_now -= 1; });
            };
        }"""
    )
    pictures = [picture(f"{n}.png", encode(gradient(64 + n, 64))) for n in range(40)]
    choose(page, *pictures)
    expect(page.locator("#progress")).to_have_text("40 of 40 answered", timeout=30_000)
    assert cards(page).locator("h3").all_text_contents() == [f"{n}.png" for n in range(40)]
    assert all(len(labels(card)) == 5 for card in cards(page).all())
    assert page.evaluate("window.open_most") == 4


def test_the_newest_come_first_and_can_be_cleared(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO)
    expect(page.locator("#progress")).to_have_text("1 of 1 answered")
    choose(page, ORANGE)
    expect(page.locator("#progress")).to_have_text("2 of 2 answered")
    assert cards(page).locator("h3").all_text_contents() == ["orange.jpg", "espresso.jpg"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#results")).to_be_hidden()
    choose(page, ESPRESSO)
    expect(page.locator("#progress")).to_have_text("1 of 1 answered")


def test_clearing_stops_the_work(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    large = tmp_path / "large.png"
    large.write_bytes(encode(gradient(2000, 1500)))
    choose(page, *[large] * 40)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Clear").click()
    choose(page, ESPRESSO)
    expect(page.locator("#progress")).to_have_text("1 of 1 answered")
    expect(cards(page)).to_have_count(1)


def test_a_picture_that_the_browser_cannot_show_is_still_classified(
    visit: Visit, settings: Settings
) -> None:
    settings = replace(settings, picture_formats=("TIFF",))
    with running(create_app(settings, Classifier.load(settings))) as url:
        page = visit(url)
        choose(page, picture("espresso.tiff", encode(Image.open(ESPRESSO), "TIFF")))
        expect(cards(page).locator(".ranking li").first).to_contain_text("espresso")
        expect(cards(page).get_by_text("Your browser cannot show this picture.")).to_be_visible()


def test_results_are_told_to_who_cannot_see_them(visit: Visit) -> None:
    page = visit()
    said = page.locator("#said")
    expect(said).to_have_attribute("role", "status")
    choose(page, ESPRESSO)
    expect(said).to_have_text(re.compile(r"^espresso\.jpg: espresso, \d\d\.\d %$"))
    choose(page, ESPRESSO, ORANGE)
    expect(said).to_have_text("3 of 3 answered")


def test_classes_can_be_searched(visit: Visit) -> None:
    page = visit()
    expect(page.locator("#model")).to_have_text("resnet-tiny-imagenet · 200 classes")
    page.get_by_text("All 200 classes").click()
    listed = page.locator("#labels li:visible")
    expect(listed).to_have_count(200)
    page.get_by_label("Search").fill("CAT")
    assert "tabby, tabby cat n02123045" in listed.all_text_contents()
    expect(page.locator("#found")).to_have_text(f"{listed.count()} found")
    assert 0 < listed.count() < 20
    page.get_by_label("Search").fill("n02123045")
    expect(listed).to_have_text(["tabby, tabby cat n02123045"])


def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    page = visit()
    expect(page.locator("#model")).to_contain_text("classes")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose pictures")).to_be_focused()
    expect(page.locator("#zone")).to_have_css("outline-style", "solid")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(ESPRESSO)
    expect(page.locator("#progress")).to_have_text("1 of 1 answered")
    press_until(page, "Tab", page.get_by_role("button", name="Sample: flag"))
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_have_text("2 of 2 answered")
    press_until(page, "Tab", cards(page).first.locator("summary"))
    page.keyboard.press("Enter")
    press_until(page, "Tab", cards(page).first.get_by_role("button", name="Copy"))
    page.keyboard.press("Enter")
    expect(cards(page).first.get_by_role("button", name="Copied")).to_be_focused()
    press_until(page, "Tab", page.get_by_text("All 200 classes"))
    page.keyboard.press("Enter")
    press_until(page, "Tab", page.get_by_label("Search"))
    page.keyboard.type("goldfish")
    expect(page.locator("#labels li:visible")).to_have_count(1)
    press_until(page, "Shift+Tab", page.get_by_role("button", name="Clear"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Choose pictures")).to_be_focused()


def press_until(page: Page, key: str, wanted: Locator) -> None:
    """Press a key until something has the focus; fail if it never gets it."""
    for _ in range(40):
        page.keyboard.press(key)
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not get to {wanted}")
