"""Files, folders and patterns on the command line."""

import json
from pathlib import Path

import pytest
from pictures import SUFFIXES

from tests.post_request.command import picture, run
from tests.post_request.planned import Server


def test_a_folder_stands_for_the_pictures_below_it(server: Server, tmp_path: Path) -> None:
    wanted = ["a.JPG", "b.jpeg", "below/c.png", "below/deep/d.WebP", "e.mpo", "f.gif"]
    for name in [*wanted, "notes.txt", "vector.svg", "._a.jpg", ".hidden/g.jpg", "noext"]:
        picture(tmp_path / "photos" / name)
    (tmp_path / "photos" / "folder.jpg").mkdir()
    result = run("photos", "--json", "--url", server.url, cwd=tmp_path)
    files = [Path(json.loads(line)["file"]).as_posix() for line in result.lines]
    assert files == [f"photos/{name}" for name in wanted]
    assert result.status == 0


def test_patterns_are_expanded(server: Server, tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "c.png", "below/d.jpg"):
        picture(tmp_path / name)
    flat = run("*.jpg", "--json", "--url", server.url, cwd=tmp_path)
    assert [json.loads(line)["file"] for line in flat.lines] == ["a.jpg", "b.jpg"]
    deep = run(str(tmp_path / "**" / "*.jpg"), "--json", "--url", server.url)
    assert len(deep.lines) == 3


def test_a_file_named_like_a_pattern_is_a_file(server: Server, tmp_path: Path) -> None:
    for name in ("cat[1].jpg", "cat1.jpg"):
        picture(tmp_path / name)
    run("cat[1].jpg", "--url", server.url, cwd=tmp_path)
    assert server.names() == ["cat[1].jpg"]


def test_a_file_named_twice_is_sent_once(server: Server, tmp_path: Path) -> None:
    picture(tmp_path / "cat.jpg")
    run("cat.jpg", "*.jpg", "--url", server.url, cwd=tmp_path)
    assert server.names() == ["cat.jpg"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("empty", f"post_request: no picture in the folder empty ({' '.join(SUFFIXES)})\n"),
        ("*.jpg", "post_request: no file matches *.jpg\n"),
        ("gone.jpg", "post_request: cannot read gone.jpg: No such file or directory\n"),
    ],
)
def test_nothing_to_do(server: Server, tmp_path: Path, argument: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run(argument, "--url", server.url, cwd=tmp_path)
    assert result.status == 2
    assert result.err == message
    assert server.seen == []


def test_an_empty_folder_among_others_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "cat.jpg")
    result = run("empty", "cat.jpg", "--url", server.url, cwd=tmp_path)
    assert result.status == 1
    assert "no picture in the folder empty" in result.err
    assert server.names() == ["cat.jpg"]
