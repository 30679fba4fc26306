"""gunicorn's processes, mended where a registry needs more of them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

if TYPE_CHECKING:
    from datetime import timedelta

#: What the master tells its workers to stop by.
_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class AccessLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, which knows nothing of the bytes that `sendfile` sent."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> dict[str, Any]:
        """Return the fields of one line of the access log."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        if not resp.sent and resp.response_length and req.method != "HEAD":
            atoms["B"] = resp.response_length
            atoms["b"] = str(resp.response_length)
        return atoms


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, whose stop reaches a worker at any moment.

    A worker that has just been forked still has the master's handlers, and would lose a stop for
    good: the master would then wait out the whole drain time. It comes later instead.
    """

    def spawn_worker(self) -> Any:
        """Fork a worker, with stops held back until it can hear them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, which while it drains takes no new connection."""

    def init_signals(self) -> None:
        """Hear the stops that the master held back."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop listening for good when the worker stops.

        gunicorn only stops accepting, and with SO_REUSEPORT the system would go on handing clients
        to a worker that never answers them; refused, they try another one.
        """
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
