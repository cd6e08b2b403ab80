"""Gunicorn's gthread worker, but one that leaves nobody waiting when it stops."""

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc] # Gunicorn has no type hints
    """Closes its listening sockets as soon as it stops accepting.

    Gunicorn's own keeps them until the requests in flight are answered. Whoever connects meanwhile
    is let in by the kernel, waits, and is reset. Of a closed socket it is refused at once, and
    NGINX asks another replica.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take or leave new connections; when stopping, take those that wait, then close."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: object) -> None:
        """Accept connections until none waits: then `nr_conns`, their number, stays the same."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)
