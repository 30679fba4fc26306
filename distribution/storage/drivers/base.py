"""The contract every storage driver keeps; `DriverSuite` checks it.

A driver implements the underscored methods and nothing else. The public ones check paths, turn
whatever the backend raises into `DriverError`, and time each call.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from distribution.errors import (
    ConflictError,
    DistributionError,
    DriverError,
    InvalidPathError,
    PathNotFoundError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

#: An absolute path: one or more components, each led by a slash.
PATH: Final = re.compile(r"(?:/[A-Za-z0-9._-]+)+")

#: The parent of everything; only `list`, `walk` and `stat` take it.
ROOT: Final = "/"

#: What `StorageDriver.put` expects when nothing may be stored at the path yet.
ABSENT: Final = ""

T = TypeVar("T")

#: JSON-able; what a suspended writer needs to go on, in this process or another.
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a driver knows of one path."""

    path: str
    size: int
    """Bytes; 0 for a directory."""
    modified: datetime
    """Timezone-aware, UTC."""
    is_dir: bool = False
    version: str = ""
    """Changes with the content; what `put` takes as ``expect``."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The honest differences between backends."""

    atomic_move: bool = True
    """`move` is one step: no reader finds both paths, or neither."""
    touch: bool = False
    """`touch` moves a file's time to now."""
    conditional_put: bool = False
    """`put` honours ``expect``."""
    redirect: bool = False
    """`url` gives addresses that a client can fetch from."""
    in_place_writes: bool = False
    """A `Writer`'s file grows at its path, in sight of readers; elsewhere it appears at commit."""
    minimum_part: int = 0
    """Bytes: smaller pieces are kept in a writer's tail."""
    state_folder: Path | None = None
    """A folder on this machine that all processes with this store share, for lock files."""


class Writer(ABC):
    """A file being written.

    Exactly one of `suspend`, `commit` and `cancel` ends it. Until `commit`, readers of the path see
    what was there before (but see `Properties.in_place_writes`).
    """

    def __init__(self, driver: StorageDriver, path: str) -> None:
        self._driver = driver
        self._path = path

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far, over every process that wrote to it, the tail included."""

    def write(self, chunk: bytes) -> None:
        """Append *chunk*.

        Raises:
            DriverError: the backend failed; how much of *chunk* it kept is unknown.
        """
        with Call(self._driver, "Write", self._path):
            self._write(chunk)

    def suspend(self) -> tuple[State, bytes]:
        """Make what was written durable, unpublished; return what any process resumes it with.

        The second part is the tail: bytes that the backend cannot take yet.
        """
        with Call(self._driver, "Suspend", self._path):
            return self._suspend()

    def commit(self, *, durable: bool = True) -> None:
        """Publish: readers see the old content or all of the new, never a part.

        Args:
            durable: False where the caller moves the file next, which makes it so.
        """
        with Call(self._driver, "Commit", self._path):
            self._commit(durable=durable)

    def cancel(self) -> None:
        """Discard what was written."""
        with Call(self._driver, "Cancel", self._path):
            self._cancel()

    @abstractmethod
    def _write(self, chunk: bytes) -> None: ...

    @abstractmethod
    def _suspend(self) -> tuple[State, bytes]: ...

    @abstractmethod
    def _commit(self, *, durable: bool) -> None: ...

    @abstractmethod
    def _cancel(self) -> None: ...


class StorageDriver(ABC):
    """A store of files under absolute, ``/``-separated paths, shared by threads."""

    name: ClassVar[str]

    #: Told the action and its duration in seconds after each call; for metrics.
    observer: Callable[[str, float], None] | None = None

    @classmethod
    @abstractmethod
    def from_parameters(cls, parameters: Mapping[str, object]) -> Self:
        """Build a driver from the section of the configuration that names it.

        Raises:
            ConfigurationError: a parameter is missing, unknown or wrong.
        """

    @property
    @abstractmethod
    def properties(self) -> Properties:
        """What this backend can and cannot do."""

    def get(self, path: str) -> bytes:
        """Return the whole content of a small file.

        Raises:
            PathNotFoundError: no file at *path*.
        """
        _check(path)
        with Call(self, "GetContent", path):
            return self._get(path)

    def put(
        self, path: str, content: bytes, *, expect: str | None = None, durable: bool = True
    ) -> None:
        """Write a small file in one step: readers see the old content or the new.

        Args:
            path: parents are made as needed.
            content: all of it.
            expect: `ABSENT`, or the `FileInfo.version` that must still be there.
            durable: False where losing the file in a power cut does no harm.

        Raises:
            ConflictError: *expect* did not hold; nothing is written.
            UnsupportedError: *expect* is given to a driver without `conditional_put`.
        """
        _check(path)
        if expect is not None and not self.properties.conditional_put:
            raise UnsupportedError(f"{self.name} has no conditional put")
        with Call(self, "PutContent", path):
            self._put(path, content, expect=expect, durable=durable)

    def open(self, path: str, offset: int = 0) -> BinaryIO:
        """Open a file for reading from byte *offset*; the caller closes it.

        Raises:
            PathNotFoundError: no file at *path*; raised here, not at the first read.
            InvalidOffsetError: *offset* lies beyond the end.
        """
        _check(path)
        with Call(self, "Reader", path):
            return self._open(path, offset)

    def writer(self, path: str, state: State | None = None, tail: bytes = b"") -> Writer:
        """Start to write *path* anew, or go on from what `Writer.suspend` returned.

        Raises:
            InvalidOffsetError: less is stored than *state* says.
            PathNotFoundError: what *state* names is gone.
        """
        _check(path)
        with Call(self, "Writer", path):
            return self._writer(path, state, tail)

    def stat(self, path: str) -> FileInfo:
        """Describe a file or a directory.

        Raises:
            PathNotFoundError: nothing at *path*.
        """
        if path != ROOT:
            _check(path)
        with Call(self, "Stat", path):
            return self._stat(path)

    def touch(self, path: str) -> None:
        """Set a file's time to now, where `Properties.touch`; elsewhere do nothing.

        Raises:
            PathNotFoundError: no file at *path*.
        """
        _check(path)
        with Call(self, "Touch", path):
            self._touch(path)

    def list(self, path: str, after: str | None = None) -> Iterator[str]:
        """Return the names of the direct children, in the order of these bare names.

        Args:
            path: a directory.
            after: only names beyond this one.

        Raises:
            PathNotFoundError: nothing below *path*; raised here, not while iterating.
        """
        if path != ROOT:
            _check(path)
        with Call(self, "List", path):
            names = self._list(path, after)
        return _translated(self, path, names)

    def walk(
        self,
        path: str,
        after: str | None = None,
        prune: Callable[[str], bool] | None = None,
    ) -> Iterator[FileInfo]:
        """Describe every file below, in component-wise order.

        Args:
            path: a directory.
            after: only files beyond this path.
            prune: told each directory's path; where it says True, nothing below is visited.

        Raises:
            PathNotFoundError: nothing below *path*; raised here, not while iterating.
        """
        if path != ROOT:
            _check(path)
        with Call(self, "Walk", path):
            files = self._walk(path, after, prune)
        return _translated(self, path, files)

    def move(self, source: str, target: str) -> None:
        """Make *target* what *source* is, replacing it, and remove *source*. Durable.

        Raises:
            PathNotFoundError: no file at *source*.
        """
        _check(source)
        _check(target)
        with Call(self, "Move", source):
            self._move(source, target)

    def delete(self, path: str) -> None:
        """Delete a file, or a directory and all below; never a sibling with the same prefix.

        Raises:
            PathNotFoundError: nothing at *path*.
        """
        _check(path)
        with Call(self, "Delete", path):
            self._delete(path)

    def url(self, path: str, method: str, expires: timedelta) -> str | None:
        """Return an address from which a client may fetch the file itself, or None."""
        _check(path)
        with Call(self, "RedirectURL", path):
            return self._url(path, method, expires)

    @abstractmethod
    def _get(self, path: str) -> bytes: ...

    @abstractmethod
    def _put(self, path: str, content: bytes, *, expect: str | None, durable: bool) -> None: ...

    @abstractmethod
    def _open(self, path: str, offset: int) -> BinaryIO: ...

    @abstractmethod
    def _writer(self, path: str, state: State | None, tail: bytes) -> Writer: ...

    @abstractmethod
    def _stat(self, path: str) -> FileInfo: ...

    def _touch(self, path: str) -> None:
        self._stat(path)

    @abstractmethod
    def _list(self, path: str, after: str | None) -> Iterator[str]: ...

    def _walk(
        self, path: str, after: str | None, prune: Callable[[str], bool] | None
    ) -> Iterator[FileInfo]:
        names = self._list(path, None)
        return self._walk_names("" if path == ROOT else path, names, after, prune)

    def _walk_names(
        self,
        parent: str,
        names: Iterator[str],
        after: str | None,
        prune: Callable[[str], bool] | None,
    ) -> Iterator[FileInfo]:
        bound = components(after) if after is not None else ()
        for name in names:
            path = f"{parent}/{name}"
            mine = components(path)
            if mine < bound[: len(mine)]:
                continue
            try:
                info = self._stat(path)
                below = self._list(path, None) if info.is_dir else iter(())
            except (FileNotFoundError, PathNotFoundError):
                continue  # deleted while we walked
            if not info.is_dir:
                if mine > bound:
                    yield info
            elif prune is None or not prune(path):
                yield from self._walk_names(path, below, after, prune)

    @abstractmethod
    def _move(self, source: str, target: str) -> None: ...

    @abstractmethod
    def _delete(self, path: str) -> None: ...

    def _url(self, path: str, method: str, expires: timedelta) -> str | None:  # noqa: ARG002
        return None

    def translate(self, error: Exception, path: str) -> DistributionError | None:
        """Return the error to raise instead of *error*, or None if it is a bug.

        A driver extends this with what its own library raises.
        """
        match error:
            case FileNotFoundError() | NotADirectoryError() | IsADirectoryError():
                return PathNotFoundError(path)
            case FileExistsError():
                return ConflictError(path)
            case OSError():
                return DriverError(f"{self.name}: {path}: {error.strerror or error}")
            case _:
                return None


class Call:
    """One call on a backend: translates its errors, and times it if somebody listens."""

    __slots__ = ("_action", "_driver", "_path", "_start")

    def __init__(self, driver: StorageDriver, action: str, path: str) -> None:
        self._driver = driver
        self._action = action
        self._path = path

    def __enter__(self) -> None:
        if self._driver.observer is not None:
            self._start = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._driver.observer is not None:
            self._driver.observer(self._action, time.perf_counter() - self._start)
        if isinstance(error, Exception):
            _raise_translated(self._driver, self._path, error)


def components(path: str) -> tuple[str, ...]:
    """Return the key that sorts paths component-wise: ``/a/b`` before ``/a-b``."""
    return tuple(path.split("/"))


def _translated(driver: StorageDriver, path: str, items: Iterator[T]) -> Iterator[T]:
    """Yield *items*; what the backend raises on the way is translated as in a call."""
    try:
        yield from items
    except Exception as error:
        _raise_translated(driver, path, error)
        raise


def _raise_translated(driver: StorageDriver, path: str, error: Exception) -> None:
    """Raise what stands for *error*; return if it is deliberate already, or a bug."""
    if isinstance(error, DistributionError):
        return
    translated = driver.translate(error, path)
    if translated is not None:
        raise translated from error


def _check(path: str) -> None:
    if PATH.fullmatch(path) is None:
        raise InvalidPathError(path)
    if "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        raise InvalidPathError(path)
