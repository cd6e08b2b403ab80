"""Load on a running stack: a few clients that post a picture again and again."""

import json
import threading
from collections import Counter
from types import TracebackType
from typing import Self

import requests
from urllib3.exceptions import NewConnectionError

from tests.conftest import ESPRESSO
from tests.support.server import wait_until


class Load:
    """Posts from `clients` threads while the `with` lasts; `outcomes` counts what came back.

    `answers` are the classes that were named, each with the hash of its model.
    An outcome is a status, ``refused`` (nobody listens: nothing was lost), or what broke.
    """

    def __init__(self, url: str, clients: int = 8) -> None:
        self.outcomes: Counter[int | str] = Counter()
        self.answers: set[tuple[str, str]] = set()
        self._url = f"{url}/predict"
        self._picture = ESPRESSO.read_bytes()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    @property
    def failures(self) -> dict[int | str, int]:
        """Return the outcomes that no client may see."""
        return {what: n for what, n in self.outcomes.items() if what not in (200, "refused")}

    def wait_for(self, answers: int, within: float = 60) -> None:
        """Return when `answers` more requests were answered; raises TimeoutError."""
        target = self.outcomes[200] + answers
        wait_until(lambda: self.outcomes[200] >= target, lambda: f"{self.outcomes}", within)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                outcome = self._post(session)
                with self._lock:
                    self.outcomes[outcome] += 1

    def _post(self, session: requests.Session) -> int | str:
        try:
            files = {"image": ("photo.jpg", self._picture)}
            response = session.post(self._url, files=files, timeout=60)
            if response.ok:
                body = json.loads(response.json()["response"]["body"])
                self.answers.add((response.headers["X-Model-Hash"], body))
            return response.status_code
        except requests.RequestException as error:
            reason = getattr(error.args[0], "reason", error) if error.args else error
            return "refused" if isinstance(reason, NewConnectionError) else repr(error)
