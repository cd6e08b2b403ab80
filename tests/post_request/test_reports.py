"""What the client prints of its results."""

import json
import re
from pathlib import Path

from tests.post_request.command import cells, picture, run
from tests.post_request.planned import TABBY, Server, refusal, success


def test_many_files_make_a_table(server: Server, tmp_path: Path) -> None:
    ranking = [{"class_id": "n1", "label": "x", "score": 0.9712}]
    server.plans["dog.png"] = [success("beagle", predictions=ranking)]
    server.plans["bad.jpg"] = [refusal(422, "The picture is damaged")]
    files = [picture(tmp_path / name) for name in ("cat.jpg", "dog.png", "bad.jpg")]
    result = run(*files, "--url", server.url, cwd=tmp_path)
    assert result.status == 1
    assert "tabby, tabby cat" in cells(result, "cat.jpg")
    assert re.search(r"beagle +0\.971 +\d+ *$", cells(result, "dog.png"))
    assert "422 The picture is damaged" in cells(result, "bad.jpg")
    assert re.fullmatch(r"2 ok, 1 failed, \d+\.\d pictures/s", result.lines[-1])
    assert result.err == ""


def test_an_unreadable_file_is_a_failed_row(server: Server, tmp_path: Path) -> None:
    result = run(picture(tmp_path / "cat.jpg"), "gone.jpg", "--url", server.url)
    assert result.status == 1
    assert "cannot read gone.jpg: No such file" in cells(result, "gone.jpg")
    assert result.lines[-1].startswith("1 ok, 1 failed, ")


def test_labels_are_neither_markup_nor_control_codes(server: Server, tmp_path: Path) -> None:
    server.plans["a.jpg"] = [success("[red]x[/blue] :cat: \x1b[2J\x9b\u202e\nend")]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    result = run(*files, "--url", server.url)
    assert r"[red]x[/blue] :cat: \u001b[2J\u009b\u202e\nend" in cells(result, "a.jpg")
    assert not set(result.out) & set("\x1b\x9b\u202e")


def test_failure_messages_are_not_markup(server: Server, tmp_path: Path) -> None:
    server.plans["a.jpg"] = [refusal(400, "[bold]no[/italic]")]
    files = [picture(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    assert "400 [bold]no[/italic]" in cells(run(*files, "--url", server.url), "a.jpg")


def test_json_lines(server: Server, tmp_path: Path) -> None:
    server.plans["b.jpg"] = [refusal(415, "no picture")]
    cat, bad, gone = (picture(tmp_path / f"{name}.jpg") for name in "abc")
    Path(gone).unlink()
    result = run(cat, bad, gone, "--json", "--url", server.url)
    first, second, third = (json.loads(line) for line in result.lines)
    assert result.status == 1
    assert list(first)[:2] == ["file", "status"]
    assert first == {"file": cat, "status": 200, **json.loads(TABBY.body)}
    assert second == {"file": bad, "status": 415, **json.loads(refusal(415, "no picture").body)}
    assert (third["file"], third["status"], third["success"]) == (gone, None, False)
    assert third["error"]["type"] == "unreadable_file"


def test_json_of_one_file_is_one_line(server: Server, tmp_path: Path) -> None:
    label = "a\x9b\u202e\U000e0001"
    server.plans["cat.jpg"] = [success(label, file="theirs", status="theirs")]
    cat = picture(tmp_path / "cat.jpg")
    result = run(cat, "--json", "--url", server.url)
    answer = json.loads(result.out)
    assert (answer["file"], answer["status"]) == (cat, 200)
    assert json.loads(answer["response"]["body"]) == label
    assert "\x9b" not in result.out
