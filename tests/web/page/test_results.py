"""Many pictures: tiles, filters, one at large, saving, removing, stopping."""

import csv
import json
import re
import threading
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Page, expect

from tests.conftest import ESPRESSO, SAMPLES, encode, gradient
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
TEXT = picture("notes.txt", b"text")
UNSURE = picture("gradient.png", encode(gradient()))

# Counted inside the page, so that none is missed: how many requests are under way at a time.
COUNT_REQUESTS = """() => {
    const ask = window.fetch;
    window.now = window.max = 0;
    window.fetch = async (...all) => {
        window.max = Math.max(window.max, ++window.now);
        return ask(...all).finally(() => { window.now -= 1; });
    };
}"""
# Addresses of pictures in memory that are still held.
COUNT_URLS = """() => {
    window.held = new Set();
    const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = blob => { const url = create(blob); window.held.add(url); return url; };
    URL.revokeObjectURL = url => { window.held.delete(url); revoke(url); };
}"""
SMALL_COPIES = """() => Promise.all([...document.querySelectorAll(".thumb img")].slice(0, 9).map(
    image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])))"""


def gradients(count: int) -> list[dict[str, Any]]:
    """Draw pictures that differ."""
    return [picture(f"{n}.png", encode(gradient(64 + n, 64))) for n in range(count)]


def test_many_pictures_are_sent_four_at_a_time(visit: Visit) -> None:
    page = visit()
    page.evaluate(COUNT_REQUESTS)
    choose(page, *gradients(40))
    expect_progress(page, "40 of 40 classified")
    assert tiles(page).locator(".file").all_text_contents() == [f"{n}.png" for n in range(40)]
    assert "" not in tiles(page).locator(".name").all_text_contents()
    assert page.evaluate("window.max") == 4


def test_pictures_are_held_as_small_copies(visit: Visit, app: Flask) -> None:
    """The server responds at once: what matters here is what the page keeps."""
    predictions = [{"class_id": "n07920052", "label": "espresso", "score": 0.9}] * 5
    app.view_functions["routes.predict"] = lambda: {"predictions": predictions}
    with running(app) as url:
        page = visit(url)
        page.evaluate(COUNT_URLS)
        choose(page, *[picture(f"{n}.jpg", ESPRESSO.read_bytes()) for n in range(200)])
        expect(tiles(page)).to_have_count(200)
        expect_progress(page, "200 of 200 classified", timeout=120_000)
        assert page.evaluate("window.held.size") == 200
        sizes = page.evaluate(SMALL_COPIES)
        assert sizes == [[320, 240]] * 9
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("button", name="Dismiss").click()
        assert page.evaluate("window.held.size") == 0


def test_the_newest_come_first_and_one_alone_is_shown_at_large(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO, UNSURE)
    expect_progress(page, "2 of 2 classified")
    expect(detail(page)).to_be_hidden()
    choose(page, ORANGE)
    expect(winner(page)).to_have_text("orange")
    names = ["orange.jpg", "espresso.jpg", "gradient.png"]
    assert tiles(page).locator(".file").all_text_contents() == names
    expect(tiles(page).first).to_be_hidden()


def test_what_the_model_is_unsure_of_is_marked(visit: Visit) -> None:
    page = visit()
    choose(page, UNSURE)
    expect(detail(page).get_by_text("Not sure")).to_be_visible()
    quiet = detail(page).locator(".others").evaluate("each => getComputedStyle(each).color")
    expect(detail(page).locator("h3")).to_have_css("color", quiet)
    choose(page, ESPRESSO)
    expect(winner(page)).to_have_text("espresso")
    expect(detail(page).get_by_text("Not sure")).to_be_hidden()
    expect(detail(page).locator("h3")).not_to_have_css("color", quiet)


def test_results_can_be_filtered(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO, UNSURE, ORANGE, TEXT)
    expect_progress(page, "3 of 4 classified, 1 failed")
    for name, files in {
        "Unsure 1": ["gradient.png"],
        "Failed 1": ["notes.txt"],
        "All 4": ["espresso.jpg", "gradient.png", "orange.jpg", "notes.txt"],
    }.items():
        page.get_by_text(name, exact=True).click()
        shown = page.locator(".tile:visible .file")
        expect(shown).to_have_text(files)


def test_a_filter_without_pictures_cannot_be_chosen(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO, ORANGE, TEXT)
    expect_progress(page, "2 of 3 classified, 1 failed")
    expect(page.get_by_role("radio", name="Unsure")).to_be_disabled()
    page.get_by_text("Failed 1").click()
    page.get_by_role("button", name="Remove notes.txt").click()
    expect(page.get_by_role("radio", name="All")).to_be_checked()
    expect(tiles(page).first).to_be_visible()


def test_of_many_failures_three_are_shown_until_asked_for_all(visit: Visit) -> None:
    page = visit()
    choose(page, *[TEXT] * 5, ESPRESSO)
    expect_progress(page, "1 of 6 classified, 5 failed")
    expect(page.locator(".problem:visible")).to_have_count(3)
    page.get_by_text("Failed 5").click()
    expect(page.locator(".problem:visible")).to_have_count(5)


def test_a_failure_is_one_line(visit: Visit) -> None:
    page = visit(viewport={"width": 1366, "height": 768})
    choose(page, TEXT, ESPRESSO)
    expect_progress(page, "1 of 2 classified, 1 failed")
    box = tiles(page).first.bounding_box()
    assert box is not None
    assert box["height"] < 48


def test_a_tile_opens_at_large_and_leads_to_its_neighbours(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO, TEXT, ORANGE)
    expect_progress(page, "2 of 3 classified, 1 failed")
    tiles(page).first.locator(".open").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("h3 .name")).to_have_text("espresso")
    expect(dialog.get_by_text("1 of 2")).to_be_visible()
    expect(dialog.get_by_role("button", name="Previous picture")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h3 .name")).to_have_text("orange")
    expect(dialog.get_by_alt_text("Preview of orange.jpg")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(tiles(page).last.locator(".open")).to_be_focused()


def test_a_removed_picture_can_be_brought_back(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO, UNSURE, ORANGE)
    expect_progress(page, "3 of 3 classified")
    tiles(page).nth(1).hover()
    page.get_by_role("button", name="Remove gradient.png").click()
    expect_progress(page, "2 of 2 classified")
    expect(page.get_by_text("Removed gradient.png")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    names = ["espresso.jpg", "gradient.png", "orange.jpg"]
    assert tiles(page).locator(".file").all_text_contents() == names
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()


def test_what_is_at_large_can_be_removed_and_brought_back(visit: Visit) -> None:
    page = visit()
    choose(page, ESPRESSO)
    expect(winner(page)).to_have_text("espresso")
    page.get_by_role("button", name="Remove this picture").click()
    expect(page.locator("#results")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    page.get_by_role("button", name="Undo").click()
    expect(winner(page)).to_have_text("espresso")


def test_clearing_stops_the_work_and_undo_resumes_it(
    visit: Visit, app: Flask, halted: threading.Event
) -> None:
    with running(app) as url:
        page = visit(url)
        choose(page, *gradients(8))
        expect(page.locator(".tile[data-state=working]")).to_have_count(4)
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name="Clear").click()
        expect(page.locator("#results")).to_be_hidden()
        halted.set()
        page.get_by_role("button", name="Undo").click()
        expect_progress(page, "8 of 8 classified")


def test_work_can_be_stopped_and_continued(
    visit: Visit, app: Flask, halted: threading.Event
) -> None:
    with running(app) as url:
        page = visit(url)
        choose(page, *gradients(8))
        expect(page.locator(".tile[data-state=working]")).to_have_count(4)
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name="Stop").click()
        halted.set()
        expect(page.locator(".tile[data-state=waiting]")).to_have_count(8)
        expect(page.locator("#said")).to_have_text("Stopped.")
        page.get_by_role("button", name="Continue").click()
        expect_progress(page, "8 of 8 classified")
        expect(page.get_by_role("button", name="Continue")).to_be_hidden()


def test_progress_is_a_bar_while_there_is_work(
    visit: Visit, app: Flask, halted: threading.Event
) -> None:
    with running(app) as url:
        page = visit(url)
        choose(page, *gradients(4))
        bar = page.get_by_role("progressbar", name="0 of 4 classified")
        expect(bar).to_be_visible()
        halted.set()
        expect_progress(page, "4 of 4 classified")
        expect(page.locator("#bar")).to_have_js_property("position", 1)
        expect(page.locator("#bar")).to_be_hidden()


# What spreadsheets would run, and what would end a cell, a line or the quotes.
NAMES = [
    "=1+1.txt",
    "+1.txt",
    "-1.txt",
    "@a.txt",
    'a,"b".txt',
    "a;=1+1.txt",
    " =1.txt",
    "\uff1d1.txt",
]
SAVED = [
    "'=1+1.txt",
    "'+1.txt",
    "'-1.txt",
    "'@a.txt",
    'a,"b".txt',
    "a;'=1+1.txt",
    "' =1.txt",
    "'\uff1d1.txt",
]


def saved(page: Page, name: str, folder: Path) -> Path:
    """Save the results by a button; return the file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save as {name}").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_csv_holds_a_line_each_and_no_formula(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    choose(page, ESPRESSO, *[picture(name, b"text") for name in NAMES])
    expect_progress(page, f"1 of {1 + len(NAMES)} classified, {len(NAMES)} failed")
    path = saved(page, "CSV", tmp_path)
    assert path.name == "results.csv"
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # with which Excel reads UTF-8
    assert content.count(b"\r\n") == content.count(b"\n") == 2 + len(NAMES)
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert list(rows[0]) == ["file", "class_id", "label", "score", "error"]
    best = rows[0]
    assert (best["file"], best["class_id"], best["label"]) == (
        "espresso.jpg", "n07920052", "espresso",
    )  # fmt: skip
    assert 0.3 < float(best["score"]) < 1
    assert [row["file"] for row in rows[1:]] == SAVED
    assert all("not a picture" in row["error"] for row in rows[1:])


def test_json_holds_all_classes(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    choose(page, ESPRESSO, TEXT)
    expect_progress(page, "1 of 2 classified, 1 failed")
    path = saved(page, "JSON", tmp_path)
    assert path.name == "results.json"
    good, bad = json.loads(path.read_text("utf-8"))
    assert (good["file"], good["model"]) == ("espresso.jpg", "resnet-tiny-imagenet")
    assert [len(each) for each in good["predictions"]] == [3] * 5
    assert (bad["file"], bad["error"]["status"]) == ("notes.txt", 415)
    assert re.search("not a picture", bad["error"]["message"])
