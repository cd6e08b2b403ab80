"""How the model of a running server is replaced: under load, and when something goes wrong."""

import os
import signal
from pathlib import Path

import psutil
import pytest
import requests

from inference_app.config import BUNDLED_MODEL
from inference_app.cpus import cpus_of_worker
from inference_app.model import prepared
from inference_app.pool.run_folder import RunFolder, Served
from tests.stack.load import Load
from tests.support.models import relabelled
from tests.support.server import Server, serving, wait_until


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return a model that names every class otherwise."""
    return relabelled(tmp_path / "other")


def named(model: Path) -> Served:
    """Return what a command would ask for."""
    return Served("0", model)


def living(server: Server) -> list[int]:
    """Return the process ids of the workers."""
    return [pid for pid in server.workers() if psutil.pid_exists(pid)]


def served(server: Server) -> str:
    """Return the name of the model that all of some answers name."""
    answers = [requests.get(f"{server.url}/readyz", timeout=30) for _ in range(10)]
    (name,) = {answer.headers["X-Model"] for answer in answers}
    return name


def fewest(server: Server) -> int:
    """Return how many workers were ready at the worst moment since two were, as the log tells."""
    ready = 0
    after: list[int] = []
    for line in server.log():
        ready += line["message"] == "worker ready"
        ready -= line["message"].startswith("Worker exiting")
        after.append(ready)
    return min(after[after.index(2) :])


def test_no_request_fails_while_models_come_and_go(tmp_path: Path, other: Path) -> None:
    with serving(tmp_path) as server, Load(server.url, clients=4) as load:
        folder = RunFolder.find(server.port)
        for model in (other, BUNDLED_MODEL):
            load.wait_for(20)
            wanted = Served.of(prepared.read(model))
            assert folder.ask(wanted)
            assert folder.served == wanted
        load.wait_for(20)
        assert load.failures == {}
        assert load.outcomes["refused"] == 0
        digests = {path: prepared.read(path).digest for path in (BUNDLED_MODEL, other)}
        # Hash and class are of the same model, always.
        assert load.answers == {
            (digests[BUNDLED_MODEL], "espresso"),
            (digests[other], "other espresso"),
        }
        assert len(living(server)) == 2
        assert fewest(server) == 2
        assert served(server) == "resnet-tiny-imagenet"
        masks = [os.sched_getaffinity(pid) for pid in living(server)]
        assert sorted(masks, key=min) == [cpus_of_worker(slot, 2) for slot in range(2)]
        metrics = requests.get(f"{server.url}/metrics", timeout=30).text
        assert "inference_app_worker_restarts_total 0.0" in metrics


def test_a_model_that_cannot_be_loaded_changes_nothing(tmp_path: Path, other: Path) -> None:
    (other / "model.bin").write_bytes(b"")
    with serving(tmp_path) as server, Load(server.url, clients=2) as load:
        folder, workers = RunFolder.find(server.port), living(server)
        assert not folder.ask(named(other))
        assert not folder.ask(named(tmp_path / "nothing"))  # which is a bad MODEL_PATH, too
        load.wait_for(10)
        assert load.failures == {}
        assert folder.served.folder == BUNDLED_MODEL
        assert living(server) == workers
        assert server.log(message="the new model is dropped", level="error")
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: len(server.workers()) == 3, "a killed worker is replaced")
        assert served(server) == "resnet-tiny-imagenet"


def test_a_worker_that_is_killed_after_a_swap_comes_back_with_the_new_model(
    tmp_path: Path, other: Path
) -> None:
    with serving(tmp_path) as server:
        assert RunFolder.find(server.port).ask(named(other))
        for pid in living(server):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(server.workers()) == 6, "both are replaced")
        assert served(server) == "other"


def test_a_worker_that_is_killed_while_it_is_on_trial_ends_the_swap(
    tmp_path: Path, other: Path
) -> None:
    """The kernel may kill it, where memory is short."""
    with serving(tmp_path) as server:
        folder, workers = RunFolder.find(server.port), living(server)
        (folder.path / "wanted").write_text(f"0 {other}")
        children = psutil.Process(server.process.pid).children
        wait_until(lambda: len(children()) == 3, "a worker is on trial")
        (booting,) = {each.pid for each in children()} - {*workers}
        os.kill(booting, signal.SIGKILL)
        wait_until((folder.path / "outcome").exists, "it ends")
        assert (folder.path / "outcome").read_text() == "dropped"
        assert living(server) == workers


def test_swaps_leave_nothing_behind(tmp_path: Path, other: Path) -> None:
    with serving(tmp_path, WORKERS="1") as server:
        folder, used = RunFolder.find(server.port), []
        master = psutil.Process(server.process.pid)
        for model in (other, BUNDLED_MODEL, other):
            assert folder.ask(named(model))
            files = len(list(folder.path.iterdir()))
            used.append((files, master.num_fds(), master.num_threads(), len(master.children())))
        assert used[0] == used[-1]
