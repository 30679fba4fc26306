"""Keep what relies on content apart from what removes it (design 6).

Relying operations (a mount, an upload's commit, a manifest PUT, a HEAD that renews a blob's time)
hold the guard *shared* around check, touch and link. Whatever removes links or blobs holds it
*exclusive* around re-check and delete, a small batch at a time.
"""

from __future__ import annotations

import fcntl
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

from distribution.errors import DriverError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class Guard(ABC):
    """Many who rely, or one who removes."""

    @abstractmethod
    def shared(self) -> AbstractContextManager[None]:
        """Hold off removal."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Hold off everybody."""


def open_lock_file(folder: Path, path: str) -> int:
    """Open a file in *folder*, making both when needed; return its descriptor.

    Raises:
        DriverError: the disk is full, read-only or not ours.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o666)
    except OSError as error:
        raise DriverError(f"lock file {path}: {error.strerror}") from error


class FileGuard(Guard):
    """Two `flock` files: for all processes of one machine.

    Who wants the guard exclusive keeps the gate while waiting for it, so that a storm of shared
    holders cannot starve it. Each holder opens its own descriptors: one shared by threads, or
    across a fork, would guard nothing.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the files ``gate`` and ``guard`` in *folder*, which is made when needed."""
        self._folder = folder
        self._gate = str(folder / "gate")
        self._guard = str(folder / "guard")

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold off removal on this machine."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off everybody on this machine."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _held(self, mode: int) -> Iterator[None]:
        guard = self._open(self._guard)
        try:
            gate = self._open(self._gate)
            try:
                fcntl.flock(gate, mode)
                fcntl.flock(guard, mode)
            finally:
                os.close(gate)
            yield
        finally:
            os.close(guard)

    def _open(self, path: str) -> int:
        return open_lock_file(self._folder, path)


class ThreadGuard(Guard):
    """For the threads of one process."""

    def __init__(self) -> None:
        """Guard whatever the holder of this object shares it for."""
        self._changed = Condition()
        self._sharers = 0
        self._excluder = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold off removal in this process."""
        with self._changed:
            self._changed.wait_for(lambda: not self._excluder)
            self._sharers += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharers -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off everybody in this process."""
        with self._changed:
            self._changed.wait_for(lambda: not self._excluder)
            self._excluder = True
            self._changed.wait_for(lambda: self._sharers == 0)
        try:
            yield
        finally:
            with self._changed:
                self._excluder = False
                self._changed.notify_all()
