"""What servers and commands tell each other through files."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference_app.errors import UserError
from inference_app.pool import shared_memory
from inference_app.pool.run_folder import DROPPED, SERVED, RunFolder, Served
from tests.support.server import wait_until

PORT = 8000
OLD, NEW = Served("0123456789ab", Path("/models/old")), Served("ba9876543210", Path("/mödels/a b"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """Make the folder of a server that lives, below one of this test's own."""
    monkeypatch.setattr(shared_memory, "folder", lambda: str(tmp_path))
    folder = RunFolder.make(PORT, OLD)
    with folder.held():
        yield folder


def test_a_server_is_found_by_its_port_while_it_lives(folder: RunFolder) -> None:
    RunFolder.make(PORT, OLD)  # of one that was killed before it could remove it
    (RunFolder.make(PORT, OLD).path / "lock").touch()
    assert RunFolder.find(PORT).path == folder.path
    with pytest.raises(UserError, match="no server of this user runs on port 80:"):
        RunFolder.find(80)


def test_a_folder_of_another_user_is_not_trusted(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: folder.path.stat().st_uid + 1)
    with pytest.raises(UserError, match="no server of this user"):
        RunFolder.find(PORT)


def test_a_server_says_what_it_serves(folder: RunFolder) -> None:
    assert RunFolder.find(PORT).served == OLD
    folder.served = NEW
    assert RunFolder.find(PORT).served == NEW


def test_nobody_else_can_enter(folder: RunFolder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("outcome", [SERVED, DROPPED])
def test_a_command_learns_what_became_of_its_model(folder: RunFolder, outcome: str) -> None:
    folder.report(DROPPED if outcome == SERVED else SERVED)  # an earlier one's
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.append(folder.ask(NEW)))
    asking.start()
    wait_until((folder.path / "wanted").exists, "the model is asked for")
    assert folder.take_wanted() == NEW
    assert folder.take_wanted() is None
    assert asking.is_alive()
    folder.report(outcome)
    asking.join()
    assert answers == [outcome == SERVED]


def test_a_command_does_not_wait_for_a_server_that_died(folder: RunFolder) -> None:
    dead = RunFolder.make(PORT, OLD)
    with pytest.raises(UserError, match="the server has stopped"):
        dead.ask(NEW)


def test_one_command_asks_at_a_time(folder: RunFolder) -> None:
    with folder.reserved():
        other = RunFolder.find(PORT)
        with pytest.raises(UserError, match="another swap is under way"), other.reserved():
            pass
    with folder.reserved():
        pass
