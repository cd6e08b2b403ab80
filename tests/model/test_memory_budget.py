"""Workers share memory, wait for it, and give it back, also when they are killed."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from inference_app.config import Settings
from inference_app.errors import ClientDisconnected, Overloaded, TooLarge
from inference_app.model import memory_budget
from inference_app.model.deadline import Deadline
from inference_app.model.memory_budget import (
    BYTES_A_BYTE,
    MB,
    SHARES,
    MemoryBudget,
    Use,
    replica_needs,
)


def soon() -> Deadline:
    return Deadline(time.monotonic() + 0.2)


@contextmanager
def fork(budget: MemoryBudget, number: int, size: int) -> Iterator[int]:
    """Let another process hold `size` bytes as worker `number`."""
    ready, holds = os.pipe()
    pid = os.fork()
    if not pid:
        budget.join(number)
        with budget.reserve("pictures", size, Deadline()):
            os.write(holds, b"1")
            time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(ready)
    os.close(holds)


def test_what_is_held_is_given_back() -> None:
    budget = MemoryBudget(1000 * MB)
    with budget.reserve("pictures", 500 * MB, Deadline()):
        assert budget.taken("pictures") == 500 * MB
    assert budget.taken("pictures") == 0


def test_small_requests_are_the_workers_own() -> None:
    budget = MemoryBudget(1000 * MB)
    with ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(budget.reserve("pictures", 1 * MB, Deadline()))
        assert budget.taken("pictures") == 0
        stack.enter_context(budget.reserve("pictures", 1 * MB, Deadline()))
        assert budget.taken("pictures") == 1 * MB
    with budget.reserve("pictures", 1 * MB, Deadline()):
        assert budget.taken("pictures") == 0


def test_a_request_waits_until_memory_is_free() -> None:
    budget = MemoryBudget(1000 * MB)
    waited = threading.Event()

    def wait() -> None:
        with budget.reserve("pictures", 600 * MB, Deadline()):
            waited.set()

    thread = threading.Thread(target=wait)
    with budget.reserve("pictures", 600 * MB, Deadline()):
        thread.start()
        assert not waited.wait(0.2)
    assert waited.wait(30)
    thread.join()


def test_waiting_in_vain_ends_with_503() -> None:
    budget = MemoryBudget(1000 * MB)
    with (
        budget.reserve("pictures", 600 * MB, Deadline()),
        pytest.raises(Overloaded),
        budget.reserve("pictures", 600 * MB, soon()),
    ):
        pass
    assert budget.taken("pictures") == 0


def test_waiting_ends_when_the_client_disconnects() -> None:
    budget = MemoryBudget(1000 * MB)
    gone = Deadline(disconnected=lambda: True)
    with (
        budget.reserve("pictures", 600 * MB, Deadline()),
        pytest.raises(ClientDisconnected),
        budget.reserve("pictures", 600 * MB, gone),
    ):
        pass


@pytest.mark.parametrize("use", SHARES)
def test_what_can_never_fit_is_too_large(use: Use) -> None:
    budget = MemoryBudget(1000 * MB)
    with budget.reserve(use, budget.limit(use), Deadline()):
        pass
    with (
        pytest.raises(TooLarge, match="MB of memory"),
        budget.reserve(use, budget.limit(use) + 1, Deadline()),
    ):
        pass


def test_however_many_bodies_are_held_the_largest_picture_gets_its_turn() -> None:
    budget = MemoryBudget(1000 * MB)
    with ExitStack() as stack:
        body = budget.limit("bodies") // 3
        for _ in range(3):
            stack.enter_context(budget.reserve("bodies", body, Deadline()))
        with pytest.raises(Overloaded):
            stack.enter_context(budget.reserve("bodies", body, soon()))
        with budget.reserve("pictures", budget.limit("pictures"), soon()):
            pass


def test_a_failed_request_gives_back() -> None:
    budget = MemoryBudget(1000 * MB)
    with pytest.raises(ZeroDivisionError), budget.reserve("pictures", 500 * MB, Deadline()):
        raise ZeroDivisionError
    assert budget.taken("pictures") == 0


def test_workers_share_it_and_a_killed_one_gives_back() -> None:
    budget = MemoryBudget(1000 * MB, workers=2)
    with fork(budget, 1, 600 * MB) as pid:
        assert budget.taken("pictures") == 600 * MB
        with pytest.raises(Overloaded), budget.reserve("pictures", 600 * MB, soon()):
            pass
        os.kill(pid, signal.SIGKILL)
        budget.forget(1)
        with budget.reserve("pictures", 600 * MB, soon()):
            pass


def test_a_worker_killed_with_the_lock_does_not_keep_it() -> None:
    budget = MemoryBudget(1000 * MB, workers=2)
    pid = os.fork()
    if not pid:
        budget.join(1)
        with budget._locked():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with budget.reserve("pictures", 600 * MB, soon()):
        pass


def test_many_threads_and_workers_add_up_to_nothing() -> None:
    budget = MemoryBudget(1000 * MB, workers=4)
    children = []
    for number in range(1, 4):
        pid = os.fork()
        if not pid:
            budget.join(number)
            for size in range(300):
                with budget.reserve("pictures", 20 * MB + size, Deadline()):
                    pass
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert budget.taken("pictures") == 0


def test_the_budget_is_what_the_workers_leave(settings: Settings) -> None:
    few, many = replace(settings, workers=2), replace(settings, workers=8)
    limits = [MemoryBudget.of_memory(each, 4_000 * MB).limit("pictures") for each in (few, many)]
    assert 2_600 * MB > limits[0] > limits[1] > 1_000 * MB
    assert MemoryBudget.of_memory(few, 100 * MB).limit("pictures") == 0
    assert MemoryBudget.of_memory(few, None).limit("pictures") > 800 * MB


def test_a_model_with_larger_weights_leaves_less(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_budget, "available_memory", lambda: 4_000 * MB)
    with (tmp_path / "model.bin").open("wb") as weights:
        weights.truncate(500 * MB)
    large = replace(settings, model_path=tmp_path)
    budget = MemoryBudget.of_replica(settings)
    with budget.reserve("pictures", 600 * MB, Deadline()):
        before = budget.limit("pictures")
        budget.fit(large)  # as a worker does that has another model than the first
        assert before > budget.limit("pictures") > 0
        assert budget.limit("pictures") == MemoryBudget.of_replica(large).limit("pictures")
        assert budget.taken("pictures") == 600 * MB


def test_half_the_workers_may_have_the_largest_body(settings: Settings) -> None:
    largest = BYTES_A_BYTE * settings.max_upload_mb * 1024 * 1024
    for workers, bodies in ((1, 1), (2, 1), (4, 2)):
        budget = MemoryBudget.of_memory(replace(settings, workers=workers), 64_000 * MB)
        assert budget.limit("bodies") == bodies * largest


def test_reserving_little_costs_little() -> None:
    budget = MemoryBudget(1000 * MB)
    start = time.perf_counter()
    for _ in range(1000):
        with budget.reserve("pictures", 100_000, Deadline()):
            pass
    assert time.perf_counter() - start < 0.5


def test_torch_needs_room_in_each_worker(tmp_path: Path) -> None:
    needs = {}
    for weights in ("model.bin", "model.safetensors"):
        folder = tmp_path / weights
        folder.mkdir()
        (folder / weights).write_bytes(bytes(1 * MB))
        needs[weights] = replica_needs(Settings(model_path=folder, workers=2))
    openvino, torch = needs.values()
    assert torch.min - openvino.min > 2 * 200 * MB
    assert torch.max - openvino.max > torch.min - openvino.min
