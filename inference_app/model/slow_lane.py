"""Expensive images are decoded apart, so that no other waits behind them."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_app.errors import DeadlinePassed
from inference_app.model.backlog import Backlog
from inference_app.model.deadline import Deadline
from inference_app.model.decoder_process import DecoderProcess
from inference_app.timing import Timing

Decode = Callable[[DecoderProcess], NDArray[np.uint8]]

# A cheaper image that comes later goes first, unless it comes later by more than twice the seconds
# that it saves: so no image is passed for ever.
AGING = 2.0
SLOWNESS = 2.0  # how much longer than estimated it takes at a low priority, until that is measured


@dataclass(order=True)
class _Task:
    turn: float  # the smallest is next
    number: int
    decode: Decode = field(compare=False)
    deadline: Deadline = field(compare=False)
    future: "Future[NDArray[np.uint8]]" = field(compare=False, default_factory=Future)
    started: float | None = field(compare=False, default=None)
    process: DecoderProcess | None = field(compare=False, default=None)  # while it runs


class SlowLane:
    """Decodes in processes of its own, the cheaper and the older images first."""

    def __init__(self, width: int, deadline: float, on_waiting: Callable[[int], None]) -> None:
        """Take `width` processes. The deadline, in seconds, limits how much may wait for them.

        `on_waiting` is told 1 or -1 when one more or one less waits.
        """
        self._backlog, self._on_waiting = Backlog(deadline, SLOWNESS / width), on_waiting
        self._changed = threading.Condition()
        self._waiting: list[_Task] = []
        self._numbers = itertools.count()
        for _ in range(width):
            threading.Thread(target=self._work, name="slow lane", daemon=True).start()

    def run(
        self, seconds: float, decode: Decode, timing: Timing, deadline: Deadline
    ) -> NDArray[np.uint8]:
        """Return what `decode` returns, which is estimated to take so many seconds of a CPU.

        Raises what it raises; Overloaded if too much waits already, DeadlinePassed, and
        ClientDisconnected if that is noticed when its turn has come.
        """
        work = self._backlog.add(seconds)
        turn = time.monotonic() + AGING * seconds
        task = _Task(turn, next(self._numbers), decode, deadline)
        task.future.add_done_callback(lambda _: work.end(measure=True))
        began = time.perf_counter()
        self._put(task)
        try:
            return task.future.result(deadline.seconds_left())
        except TimeoutError:
            raise DeadlinePassed from None
        finally:
            self._leave(task)
            ended = time.perf_counter()
            timing.add("queue", began, task.started or ended)
            if task.started:
                timing.add("decode", task.started, ended)
            deadline.elsewhere += ended - began

    def _put(self, task: _Task) -> None:
        with self._changed:
            self._waiting.append(task)
            self._on_waiting(1)
            self._changed.notify()

    def _leave(self, task: _Task) -> None:
        """Remove a task whose request has stopped waiting, or stop it."""
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)
                self._on_waiting(-1)
            if task.process:
                task.process.stop()
        task.future.cancel()  # no effect on one that has begun

    def _work(self) -> None:
        process = DecoderProcess()
        while True:
            self._run(self._next(), process)

    def _next(self) -> _Task:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            task = min(self._waiting)
            self._waiting.remove(task)
            self._on_waiting(-1)
            return task

    def _run(self, task: _Task, process: DecoderProcess) -> None:
        if not task.future.set_running_or_notify_cancel():
            return
        task.started, task.process = time.perf_counter(), process
        try:
            task.deadline.check()
            result = task.decode(process)
        except BaseException as error:  # noqa: BLE001 it is the request's, and the lane goes on
            self._end(task)
            task.future.set_exception(error)
        else:
            self._end(task)
            task.future.set_result(result)

    def _end(self, task: _Task) -> None:
        with self._changed:
            task.process = None  # it is the next one's
