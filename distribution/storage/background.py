"""Hash in a thread of its own while the next bytes arrive.

The hash of one MiB takes about as long as reading and writing it, and both release the GIL, so a
second thread nearly doubles a large upload's rate. A small one is hashed where it is.
"""

from __future__ import annotations

from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from distribution.storage.hashstate import Hash

#: Chunks that may wait for the hash; with chunks of 1 MiB, the MiB an upload may hold.
_DEPTH: Final = 4


class BackgroundHash:
    """Feeds one hash in order. Whoever made it calls `settle` before dropping it."""

    def __init__(self, target: Hash) -> None:
        """Feed *target*."""
        self._target = target
        self._first: bytes | None = None
        self._queue: Queue[bytes | None] = Queue(_DEPTH)
        self._thread: Thread | None = None

    def update(self, chunk: bytes) -> None:
        """Take in *chunk*, now or soon."""
        if self._thread is not None:
            self._queue.put(chunk)
        elif self._first is None:
            self._first = chunk
        else:
            self._thread = Thread(target=self._run, name="hash", daemon=True)
            self._thread.start()
            self._queue.put(self._first)
            self._queue.put(chunk)
            self._first = None

    def settle(self) -> Hash:
        """Wait until everything is taken in; return the hash."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        elif self._first is not None:
            self._target.update(self._first)
            self._first = None
        return self._target

    def _run(self) -> None:
        while (chunk := self._queue.get()) is not None:
            self._target.update(chunk)
