"""One writer at a time for an upload session."""

from __future__ import annotations

import fcntl
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING

from distribution.errors import UploadBusyError
from distribution.storage.guard import open_lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class Claims(ABC):
    """Who is writing to which session."""

    @abstractmethod
    def claim(self, upload: str) -> AbstractContextManager[None]:
        """Be the one writer of *upload*.

        Raises:
            UploadBusyError: somebody else is; this never waits.
        """


class FileClaims(Claims):
    """A `flock` file for each session that is being written: for all processes of one machine.

    The system drops the lock of a process that dies, so a claim never outlives its holder.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the files in *folder*, which is made when needed."""
        self._folder = folder

    @contextmanager
    def claim(self, upload: str) -> Iterator[None]:
        """Be the one writer of *upload* on this machine."""
        path = f"{self._folder}/{upload}"
        descriptor = self._lock(path, upload)
        try:
            yield
        finally:
            # Under the lock, so that nobody's file but ours is removed.
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108
            os.close(descriptor)

    def _lock(self, path: str, upload: str) -> int:
        while True:
            descriptor = open_lock_file(self._folder, path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(descriptor)
                raise UploadBusyError(upload) from error
            if _is_at(descriptor, path):
                return descriptor
            os.close(descriptor)  # its holder removed it between our open and our lock


class ThreadClaims(Claims):
    """A set: for the threads of one process."""

    def __init__(self) -> None:
        """Begin with no claims."""
        self._held: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def claim(self, upload: str) -> Iterator[None]:
        """Be the one writer of *upload* in this process."""
        with self._lock:
            if upload in self._held:
                raise UploadBusyError(upload)
            self._held.add(upload)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(upload)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        there = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
