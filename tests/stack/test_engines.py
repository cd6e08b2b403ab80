"""Each engine behind NGINX: what clients are promised, whatever runs the network."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.stack.fronted import Fronted, fronted
from tests.stack.load import Load
from tests.support import faults
from tests.support.contracts import CONTRACTS, Contract
from tests.support.engines import ENGINES, prepare_tiny
from tests.support.server import wait_until

DEADLINE = 4


@pytest.fixture(scope="module")
def hub() -> Iterator[socket.socket]:
    """Listen where a hub would, and answer nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module", params=ENGINES)
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, hub: socket.socket
) -> Iterator[Fronted]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {
        "MODEL_PATH": str(prepare_tiny(request.param, folder)),
        "DEADLINE": str(DEADLINE),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}",
    }
    with fronted(folder, **settings) as stack:
        yield stack


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_client_is_answered(stack: Fronted, contract: Contract) -> None:
    response = contract.call(stack.url)
    assert response.status_code == 200
    assert contract.check(response)


def test_no_hub_is_asked(stack: Fronted, hub: socket.socket) -> None:
    assert stack.app.workers()
    with pytest.raises(BlockingIOError):
        hub.accept()


def test_no_request_is_lost_when_workers_are_killed(stack: Fronted) -> None:
    with Load(stack.url, clients=4) as load:
        for _ in range(2):
            load.wait_for(20)
            before = stack.app.workers()
            os.kill(before[-1], signal.SIGKILL)
            wait_until(
                lambda before=before: len(stack.app.workers()) > len(before),  # type: ignore[misc]
                "another worker is ready",
                within=180,
            )
        load.wait_for(20)
    assert load.failures == {}


def test_a_crash_in_the_engine_costs_two_workers_at_most(stack: Fronted, espresso: bytes) -> None:
    before = len(stack.app.workers())
    assert stack.post(faults.picture(faults.GREEN)).status_code == 502
    wait_until(lambda: len(stack.app.workers()) == before + 2, "both are replaced", within=180)
    assert stack.post(espresso).status_code == 200


def test_inference_that_hangs_is_a_504_and_costs_one_worker(
    stack: Fronted, espresso: bytes
) -> None:
    before = len(stack.app.workers())
    answer = stack.post(faults.picture(faults.RED))
    assert answer.status_code == 504
    assert answer.json()["error"]["type"] == "timeout"
    assert stack.post(espresso).status_code == 200
    wait_until(lambda: len(stack.app.workers()) == before + 1, "it is replaced", within=180)
    (line,) = stack.app.log(message="worker hangs and is replaced")
    assert line["stage"] == "infer"
    assert stack.post(espresso).status_code == 200
