"""Gunicorn's internals that the pool overrides or relies on are still those that were reviewed."""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import gunicorn
import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.workers import base
from gunicorn.workers.gthread import TConn, ThreadWorker

# Each with the hash of its source in the release that was reviewed last, 27.0.1, and with what the
# pool takes for granted.
REVIEWED: dict[Callable[..., Any], tuple[str, str]] = {
    ThreadWorker.accept: (
        "f8dcead3dce5",
        "Worker.accept calls it: it may raise OSError and counts `nr_conns`",
    ),
    ThreadWorker.handle: (
        "ca85c9be3df7",
        "it calls handle_request and handle_error with these arguments",
    ),
    ThreadWorker.handle_request: (
        "6d0de5b91910",
        "it writes to `conn.sock` by `sendall` alone, and returns keep-alive",
    ),
    ThreadWorker.set_accept_enabled: (
        "140150ebfd3c",
        "Worker.set_accept_enabled wraps it; run() calls it last with False",
    ),
    ThreadWorker.run: (
        "f92c7394d857",
        "it reads `worker_connections` each time (watchdog.py) and ends by `alive`",
    ),
    ThreadWorker.finish_request: (
        "616e7bb15a00",
        "it lowers `nr_conns` for each connection that ends",
    ),
    ThreadWorker.handle_exit: (
        "b4e7decd4f92",
        "TERM while the worker boots clears `alive` and nothing else",
    ),
    TConn.wait_for_data: (
        "d14377e00243",
        "it opens one file beside the connection's (open_files.py)",
    ),
    base.Worker.init_process: (
        "114caccd7a0e",
        "post_worker_init runs after init_signals and before run()",
    ),
    base.Worker.handle_error: ("75426448389b", "its statuses are those of worker.py"),
    Arbiter.spawn_worker: (
        "6abc0d90b0b9",
        "pre_fork, then post_fork in the worker (gunicorn.conf.py), which leaves by SystemExit",
    ),
    Arbiter.manage_workers: (
        "518f2dd040ef",
        "it starts workers until there are `num_workers`, and stops none before (arbiter.py)",
    ),
    Arbiter.run: (
        "1ddfab9d644f",
        "it calls manage_workers once a second, and when a worker ends (arbiter.py)",
    ),
    Arbiter.reap_workers: (
        "ebcf4187e9eb",
        "child_exit runs in the master for each worker that ended",
    ),
}


@pytest.mark.parametrize("function", REVIEWED, ids=lambda function: function.__qualname__)
def test_gunicorn_is_the_one_that_was_reviewed(function: Callable[..., Any]) -> None:
    reviewed, assumption = REVIEWED[function]
    now = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]
    assert now == reviewed, (
        f"Gunicorn {gunicorn.__version__} changed {function.__module__}.{function.__qualname__}. "
        f"Review inference_app/pool: {assumption}. Where that holds, write {now} here."
    )
