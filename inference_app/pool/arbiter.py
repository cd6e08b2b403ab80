"""Gunicorn's master, changed so that it can replace the model without a gap.

A command asks for another model (run_folder.py). Then a worker with that model is started, and no
old one is stopped before it is ready; if it ends before that, the old model stays. Otherwise the
other workers follow one by one, so that there is never more than one too many, and none too few.

Gunicorn's own HUP stops the old workers before the new ones are ready, and the whole service if
they cannot load the model.
"""

import os
import signal
from pathlib import Path
from typing import Any

from gunicorn import arbiter
from gunicorn.app.wsgiapp import WSGIApplication

from inference_app.model.engine import preload
from inference_app.pool.run_folder import DROPPED, SERVED, RunFolder, Served


class Arbiter(arbiter.Arbiter):  # type: ignore[misc] # Gunicorn has no type hints
    """Gunicorn's master; workers are told apart by age, a number that Gunicorn counts up.

    Workers read MODEL_PATH after the fork: what it says here is the model of those to come.
    """

    num_workers: int

    def __init__(self, app: Any) -> None:
        self._run = RunFolder(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        self._last_old = 0  # age of the youngest worker to be replaced; 0: no swap is under way
        self._on_trial: Served | None = None
        self._stopping: Any = None  # an old worker that was told to
        super().__init__(app)

    def run(self) -> None:
        """Serve until the process is stopped."""
        with self._run.held():
            super().run()

    def manage_workers(self) -> None:
        """Keep up the number of workers, as Gunicorn does; with one more while any is old."""
        self._advance()
        number = self.num_workers
        self.num_workers += bool(self._old())
        super().manage_workers()
        self.num_workers = number

    def spawn_worker(self) -> int:
        """Start a worker; one on trial that cannot load its model does not end the service."""
        try:
            pid: int = super().spawn_worker()
            return pid
        except SystemExit as end:  # in the worker
            if self._on_trial and end.code in (self.WORKER_BOOT_ERROR, self.APP_LOAD_ERROR):
                raise SystemExit(1) from None
            raise

    def _old(self) -> list[Any]:
        return [each for each in self.WORKERS.values() if each.age <= self._last_old]

    def _advance(self) -> None:
        """Begin a swap, decide on the first new worker, stop an old one, or end the swap."""
        old = self._old()
        new = [each for each in self.WORKERS.values() if each not in old]
        if not self._last_old:
            self._begin(self._run.take_wanted())
        elif self._on_trial and any(each.is_ready for each in new):
            self._promote(self._on_trial, old)
        elif self._on_trial and len(new) < self.worker_age - self._last_old:
            self._drop(self._on_trial, new)
        elif not old:
            self._end(SERVED)
        elif not self._on_trial:
            self._stop_one(old, new)

    def _begin(self, model: Served | None) -> None:
        if model:
            preload(model.folder)
            os.environ["MODEL_PATH"] = str(model.folder)
            self._last_old, self._on_trial = self.worker_age, model
            self.log.info("a new model is on trial", extra=_fields(model))

    def _promote(self, model: Served, old: list[Any]) -> None:
        self._run.served, self._on_trial = model, None
        for each in old:
            each.is_retired = True
        self.log.info("the new model is served", extra=_fields(model))

    def _stop_one(self, old: list[Any], new: list[Any]) -> None:
        """Stop the oldest if there are enough without it; once: twice would interrupt its end."""
        enough = sum(each.is_ready for each in new) + len(old) > self.num_workers
        if enough and self._stopping not in old:
            self._stopping = min(old, key=lambda each: each.age)
            self.kill_worker(self._stopping.pid, signal.SIGTERM)

    def _drop(self, model: Served, new: list[Any]) -> None:
        self.log.error("the new model is dropped", extra=_fields(model))
        os.environ["MODEL_PATH"] = str(self._run.served.folder)
        for each in new:
            self.kill_worker(each.pid, signal.SIGTERM)
        self._end(DROPPED)

    def _end(self, outcome: str) -> None:
        self._last_old, self._on_trial = 0, None
        self._run.report(outcome)


def _fields(model: Served) -> dict[str, Any]:
    return {"fields": {"model": model.digest, "folder": str(model.folder)}}


class Service(WSGIApplication):  # type: ignore[misc] # Gunicorn has no type hints
    """Gunicorn with this master."""

    def run(self) -> None:
        """Serve until the process is stopped."""
        Arbiter(self).run()


if __name__ == "__main__":
    Service(prog="gunicorn").run()
