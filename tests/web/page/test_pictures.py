"""Every way in which a picture gets onto the page, and what the page shows of it."""

import base64
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import JSHandle, Locator, Page, expect

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from tests.conftest import ESPRESSO, SAMPLES, encode
from tests.support.browser import ELSEWHERE
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

ORANGE = SAMPLES / "orange.jpg"
STAGES = ["read", "queue", "decode", "infer", "other", "network"]
HOW = "Time and command line"

# Puts files into what a browser hands over when something is dropped or pasted.
TRANSFER = """files => {
    const transfer = new DataTransfer();
    for (const [name, text] of files)
        transfer.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name));
    return transfer;
}"""
SHARE = "row => parseFloat(getComputedStyle(row, '::after').backgroundSize)"


def transfer(page: Page, *paths: Path) -> JSHandle:
    """Return a DataTransfer that holds files."""
    files = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in paths]
    return page.evaluate_handle(TRANSFER, files)


def curl_line(page: Page) -> str:
    """Return the command line for the picture at large."""
    detail(page).get_by_text(HOW).click()
    return detail(page).locator("code").inner_text()


def test_a_chosen_picture_is_shown_with_its_five_most_likely_classes(visit: Visit) -> None:
    page = visit()
    with page.expect_response("**/predict?top_k=5") as response:
        choose(page, ESPRESSO)
    expected = response.value.json()["predictions"]
    expect(winner(page)).to_have_text("espresso")
    texts = detail(page).locator(".score, .ranking span:last-child").all_text_contents()
    assert texts == [f"{100 * each['score']:.1f} %" for each in expected]
    names = detail(page).locator(".ranking span:first-child").all_text_contents()
    assert names == [each["label"].replace(", ", "", 1) for each in expected[1:]]
    bars = [bar.evaluate(SHARE) for bar in detail(page).locator(".bar").all()]
    assert bars == pytest.approx([100 * each["score"] for each in expected], abs=0.1)
    expect(detail(page).locator("figcaption")).to_have_text("espresso.jpg")
    width = page.get_by_alt_text("Preview of espresso.jpg").evaluate("img => img.naturalWidth")
    assert width == 640


def test_the_first_name_of_a_class_is_large_and_the_others_are_below(visit: Visit) -> None:
    page = visit()
    choose(page, SAMPLES / "beacon.jpg")
    expect(winner(page)).to_have_text("beacon")
    expect(detail(page).locator(".others")).to_have_text("lighthouse, beacon light, pharos")


def test_time_is_hidden_until_asked_for(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO)
    expect(winner(page)).to_have_text("espresso")
    expect(page.get_by_text(re.compile(r"\d ms"))).to_have_count(len(STAGES))
    assert not any(each.is_visible() for each in page.get_by_text(re.compile(r"\d ms")).all())
    detail(page).get_by_text(HOW).click()
    assert detail(page).locator("dt").all_text_contents() == STAGES
    times = [text.removesuffix(" ms") for text in detail(page).locator("dd").all_text_contents()]
    assert min(map(float, times[2:4])) > 0


@pytest.mark.parametrize("name", ["espresso.jpg", 'a "b"; it\'s $HOME, \\ é.jpg'])
def test_the_curl_line_does_the_same(visit: Visit, name: str, tmp_path: Path) -> None:
    page = visit()
    choose(page, picture(name, ESPRESSO.read_bytes()))
    line = curl_line(page)
    (tmp_path / name).write_bytes(ESPRESSO.read_bytes())
    run = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert '"label":"espresso"' in run.stdout.decode()


def test_the_curl_line_can_be_copied_without_https(visit: Visit, server: Server) -> None:
    page = visit(server.url.replace("127.0.0.1", ELSEWHERE))
    choose(page, ESPRESSO)
    detail(page).get_by_text(HOW).click()
    detail(page).get_by_role("button", name="Copy").click()
    expect(detail(page).get_by_role("button", name="Copied")).to_be_visible()
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
    expect_progress(page, "2 of 2 classified")
    assert tiles(page).locator(".name").all_text_contents() == ["espresso", "orange"]


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
    expect(winner(page)).to_have_text("computer keyboard")
    expect(detail(page).locator("figcaption")).to_have_text("image.png")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("lighthouse", "beacon"),
        ("keyboard", "computer keyboard"),
        ("espresso", "espresso"),
        ("flag", "flagpole"),
        ("jellyfish", "jellyfish"),
        ("oranges", "orange"),
    ],
)
def test_a_sample_is_a_click_away(visit: Visit, name: str, label: str) -> None:
    page = visit()
    page.get_by_role("button", name=f"Sample: {name}").click()
    expect(winner(page)).to_have_text(label)
    run = subprocess.run(["sh", "-c", curl_line(page)], capture_output=True, check=True)
    assert f'"label":"{label}' in run.stdout.decode()


def test_a_picture_that_the_browser_cannot_show_is_still_classified(
    visit: Visit, settings: Settings
) -> None:
    settings = replace(settings, picture_formats=("TIFF",))
    with running(create_app(settings, Classifier.load(settings))) as url:
        page = visit(url)
        choose(page, picture("espresso.tiff", encode(Image.open(ESPRESSO), "TIFF")))
        expect(winner(page)).to_have_text("espresso")
        expect(detail(page).get_by_text("Your browser cannot show this picture.")).to_be_visible()


def test_the_file_chooser_offers_what_the_server_accepts(visit: Visit, settings: Settings) -> None:
    formats = ("JPEG", "WEBP", "TIFF")
    mine = replace(settings, picture_formats=formats, max_upload_mb=7, max_megapixels=9)
    with running(create_app(mine)) as url:
        page = visit(url)
        limits = "JPEG, WebP, TIFF; up to 7 MB and 9 megapixels each"
        expect(page.locator("#zone")).to_contain_text(limits)
        for name in ("Choose pictures", "Take a photo"):
            field = page.get_by_label(name)
            expect(field).to_have_attribute("accept", "image/jpeg,image/webp,image/tiff")
        expect(page.get_by_label("Choose pictures")).to_have_accessible_description(limits)


def test_results_are_announced_to_screen_readers(visit: Visit) -> None:
    page = visit()
    said = page.locator("#said")
    expect(said).to_have_attribute("role", "status")
    choose(page, ESPRESSO)
    expect(said).to_have_text(re.compile(r"^espresso\.jpg: espresso, \d\d\.\d %$"))
    choose(page, ESPRESSO, ORANGE)
    expect(said).to_have_text("3 of 3 classified")


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
    expect(page.get_by_role("link", name="API")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose pictures")).to_be_focused()
    expect(page.locator("#zone")).to_have_css("outline-style", "solid")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(ESPRESSO)
    expect(winner(page)).to_have_text("espresso")
    press_until(page, "Tab", detail(page).locator("summary"))
    page.keyboard.press("Enter")
    press_until(page, "Tab", detail(page).get_by_role("button", name="Copy"))
    page.keyboard.press("Enter")
    expect(detail(page).get_by_role("button", name="Copied")).to_be_focused()
    press_until(page, "Tab", page.get_by_role("button", name="Sample: flag"))
    page.keyboard.press("Enter")
    expect(winner(page)).to_have_text("flagpole")
    press_until(page, "Tab", page.get_by_text("All 200 classes"))
    page.keyboard.press("Enter")
    press_until(page, "Tab", page.get_by_label("Search"))
    page.keyboard.type("goldfish")
    expect(page.locator("#labels li:visible")).to_have_count(1)
    press_until(page, "Shift+Tab", tiles(page).last.locator(".open"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tiles(page).last.locator(".open")).to_be_focused()
    press_until(page, "Shift+Tab", page.get_by_role("button", name="Clear"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect_progress(page, "2 of 2 classified")


def press_until(page: Page, key: str, target: Locator) -> None:
    """Press a key until something has the focus; fail if it never gets it."""
    for _ in range(40):
        page.keyboard.press(key)
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not get to {target}")
