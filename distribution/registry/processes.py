"""gunicorn's processes, mended where a registry needs more of them."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    import socket
    from datetime import timedelta

#: What the master tells its workers to stop by.
_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class ServerLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, with the bytes that `sendfile` sent, and no traceback for slow clients."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> dict[str, Any]:
        """Return the fields of one line of the access log."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        if not resp.sent and resp.response_length and req.method != "HEAD":
            atoms["B"] = resp.response_length
            atoms["b"] = str(resp.response_length)
        return atoms

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a failure with its traceback, unless a client that stalled is all there is to it."""
        if isinstance(sys.exc_info()[1], TimeoutError):
            self.info("A client stalled; its connection is closed.")
        else:
            super().exception(msg, *args, **kwargs)


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


class _Connection(TConn):  # type: ignore[misc]
    """A connection whose client has a time to send each piece of a request's head."""

    def __init__(self, *args: Any, waiting_seconds: float) -> None:
        super().__init__(*args)
        self._waiting_seconds = waiting_seconds

    def init(self) -> None:
        """Get ready to read a request; gunicorn itself would wait for its head for ever."""
        super().init()
        self.sock.settimeout(self._waiting_seconds)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, which no client holds up, and which drains in the end."""

    waiting_seconds: ClassVar[float] = 60.0
    """How long a client may neither send nor take anything."""

    def init_signals(self) -> None:
        """Hear the stops that the master held back."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, and hand it to a thread."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another was faster, or it went away
            return
        self.nr_conns += 1
        server = listener.getsockname()
        self.enqueue_req(
            _Connection(self.cfg, client, address, server, waiting_seconds=self.waiting_seconds)
        )

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop listening for good when the worker stops.

        gunicorn only stops accepting, and with SO_REUSEPORT the system would go on handing clients
        to a worker that never answers them; refused, they try another one.
        """
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
