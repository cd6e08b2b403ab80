"""The environments of clients hold what is locked, and are made again when a lock changes."""

from pathlib import Path

import pytest

from tests.clients import environment


def test_a_client_is_run(tmp_path: Path) -> None:
    assert environment.python().exists()


def test_a_change_of_the_lock_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "lock"
    lock.write_text("")
    monkeypatch.setattr(environment, "FOLDER", tmp_path / "clients")
    monkeypatch.setattr(environment, "LOCK", lock)
    marker = environment.python().parent / "marker"
    marker.touch()
    assert environment.python().parent.joinpath("marker").exists()
    lock.write_text("# changed\n")
    assert not environment.python().parent.joinpath("marker").exists()
