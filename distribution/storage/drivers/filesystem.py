"""Files in a folder, written so that neither `kill -9` nor a power cut leaves a half one.

A small file is written beside its place, synced, renamed over it, and its folder synced. Parts of
that order a caller can do without (`put(durable=False)`), or an operator (``sync: false``).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from distribution.errors import InvalidOffsetError
from distribution.storage.drivers import parameters as checked
from distribution.storage.drivers import writeback
from distribution.storage.drivers.base import (
    ROOT,
    FileInfo,
    Properties,
    State,
    StorageDriver,
    Writer,
)
from distribution.storage.drivers.listing import Listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Begins the name of a file that is not published yet. It follows the grammar of paths, since
#: Docker Distribution refuses to walk a tree that holds any other name.
_PART: Final = ".part-"

#: Local state of ours, beside the registry's tree.
_STATE_FOLDER: Final = ".distribution"

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_READ_BYTES: Final = 1 << 20

#: A first read of this size gets any link whole, and is not worth a large buffer.
_LINK_BYTES: Final = 1024

#: Bytes that a large file gathers before the disk begins to take them.
_WRITEBACK_BYTES: Final = 8 << 20

#: Folders remembered as synced; some 200 bytes each.
_SETTLED_LIMIT: Final = 20_000


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rootdirectory: Path = Path("/var/lib/registry")
    maxthreads: int = Field(default=100, ge=0)
    """Kept for Docker Distribution's files; the server's threads are the bound here."""
    sync: bool = True


class FilesystemDriver(StorageDriver):
    """Keep content in a folder of the local machine."""

    name = "filesystem"

    def __init__(self, root: Path | str, *, sync: bool = True) -> None:
        """Serve *root*, which is made when something is first written.

        Args:
            root: the folder.
            sync: False leaves it to the system when content reaches the disk. A power cut may
                then lose what was acknowledged; `kill -9` still does not.
        """
        self._root = os.path.abspath(root)  # noqa: PTH100 - strings stay strings on the hot path
        self._sync = sync
        self._serial = count()
        self._settled: set[str] = set()
        self._listings = Listings(self._read_names)
        self._properties = Properties(
            touch=True, in_place_writes=True, state_folder=Path(self._root, _STATE_FOLDER)
        )

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, object]) -> Self:
        """Read ``rootdirectory`` (default ``/var/lib/registry``), ``maxthreads`` and ``sync``."""
        given = checked.check(cls.name, _Parameters, parameters)
        return cls(given.rootdirectory, sync=given.sync)

    @property
    def root(self) -> Path:
        """The folder that holds everything."""
        return Path(self._root)

    @property
    def properties(self) -> Properties:
        """Atomic moves and touches; writers grow their file in place."""
        return self._properties

    def _get(self, path: str) -> bytes:
        descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, _LINK_BYTES)
            if len(content) == _LINK_BYTES:  # no link: a manifest
                while more := os.read(descriptor, _READ_BYTES):
                    content += more
            return content
        finally:
            os.close(descriptor)

    def _put(self, path: str, content: bytes, *, expect: str | None, durable: bool) -> None:  # noqa: ARG002
        durable = durable and self._sync
        target = self._root + path
        folder = os.path.dirname(target)  # noqa: PTH120
        while True:
            part = f"{folder}/{_PART}{os.getpid()}-{next(self._serial)}"
            try:
                descriptor = os.open(
                    part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666
                )
            except FileNotFoundError:
                self._make(folder)
                continue
            except FileExistsError:  # a crash left it behind, of a process with our number
                continue
            try:
                _write_all(descriptor, content)
                if durable:
                    os.fsync(descriptor)
                os.rename(part, target)  # noqa: PTH104
            except FileNotFoundError:  # somebody deleted the folder under us: begin again
                continue
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)  # noqa: PTH108
                raise
            finally:
                os.close(descriptor)
            if durable:
                with suppress(FileNotFoundError):  # deleted meanwhile: nothing is left to sync
                    self._settle(folder)
            return

    def _open(self, path: str, offset: int) -> BinaryIO:
        reader = open(self._root + path, "rb", buffering=0)  # noqa: PTH123, SIM115
        if offset:
            if offset > os.fstat(reader.fileno()).st_size:
                reader.close()
                raise InvalidOffsetError(path, offset)
            reader.seek(offset)
        return reader

    def _writer(self, path: str, state: State | None, tail: bytes) -> Writer:
        writer = _FileWriter(self, path, self._open_for_writing(path, state), sync=self._sync)
        if tail:
            writer.write(tail)
        return writer

    def _open_for_writing(self, path: str, state: State | None) -> int:
        target = self._root + path
        if state is not None:
            descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
            if os.fstat(descriptor).st_size < state["size"]:
                os.close(descriptor)
                raise InvalidOffsetError(path, state["size"])
            os.ftruncate(descriptor, state["size"])
            os.lseek(descriptor, 0, os.SEEK_END)
            return descriptor
        with suppress(FileNotFoundError):
            os.unlink(target)  # noqa: PTH108 - who reads the old file goes on reading it
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(target, flags, 0o666)
        except FileNotFoundError:
            self._make(os.path.dirname(target))  # noqa: PTH120
            return os.open(target, flags, 0o666)

    def _stat(self, path: str) -> FileInfo:
        found = os.stat(self._root if path == ROOT else self._root + path)  # noqa: PTH116
        is_dir = stat.S_ISDIR(found.st_mode)
        return FileInfo(
            path,
            0 if is_dir else found.st_size,
            datetime.fromtimestamp(found.st_mtime, UTC),
            is_dir,
            f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}",
        )

    def _touch(self, path: str) -> None:
        target = self._root + path
        _refuse_folder(target)
        os.utime(target)

    def _list(self, path: str, after: str | None) -> Iterator[str]:
        return self._listings.names(self._root if path == ROOT else self._root + path, after)

    def _move(self, source: str, target: str) -> None:
        old, new = self._root + source, self._root + target
        folder = os.path.dirname(new)  # noqa: PTH120
        _refuse_folder(old)
        if self._sync:
            _sync(old)
        while True:
            try:
                os.rename(old, new)  # noqa: PTH104
            except FileNotFoundError:
                os.stat(old)  # noqa: PTH116 - the source is missing: say so
                self._make(folder)
                continue
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._move_across(old, new, folder)
            if self._sync:
                with suppress(FileNotFoundError):  # deleted meanwhile: nothing is left to sync
                    self._settle(folder)
            return

    def _move_across(self, old: str, new: str, folder: str) -> None:
        """Move to another file system, which `rename` cannot (distribution #1138)."""
        part = f"{folder}/{_PART}{os.getpid()}-{next(self._serial)}"
        try:
            shutil.copyfile(old, part)
            shutil.copystat(old, part)
            _sync(part)
            os.rename(part, new)  # noqa: PTH104
        except BaseException:
            with suppress(OSError):
                os.unlink(part)  # noqa: PTH108
            raise
        os.unlink(old)  # noqa: PTH108

    def _delete(self, path: str) -> None:
        target = self._root + path
        try:
            os.unlink(target)  # noqa: PTH108
        except (IsADirectoryError, PermissionError):
            if not os.path.isdir(target):  # noqa: PTH112
                raise
            _remove_tree(target)
            if target in self._settled:
                self._settled = set()
        if self._sync:
            with suppress(FileNotFoundError):
                _sync(os.path.dirname(target))  # noqa: PTH120

    def _read_names(self, folder: str) -> list[str]:
        return sorted(
            name
            for name in os.listdir(folder)  # noqa: PTH208
            if _NAME.fullmatch(name) and not name.startswith((_PART, _STATE_FOLDER))
        )

    def _make(self, folder: str) -> None:
        """Make *folder* and those above it.

        Where another process deleted a folder that was known to be synced, the new one is not.
        """
        known = folder
        while known not in self._settled and len(known) > len(self._root):
            known = os.path.dirname(known)  # noqa: PTH120
        if not os.path.exists(known):  # noqa: PTH110
            self._settled = set()
        for _ in range(100):
            # A folder above it may be deleted between its making and that of the next.
            with suppress(FileNotFoundError):
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103
                return
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103

    def _settle(self, folder: str) -> None:
        """Sync *folder*, and the entry of each folder above it that is not known to be synced.

        Whoever made a folder may not have synced it yet, or not meant to, so finding it there
        proves nothing. A folder that is known has only known ones above it, so none of them counts
        as known before all are synced.
        """
        _sync(folder)
        if len(self._settled) >= _SETTLED_LIMIT:
            self._settled = set()
        known, synced = self._settled, []
        while folder not in known and (parent := os.path.dirname(folder)) != folder:  # noqa: PTH120
            if len(folder) > len(self._root):
                _sync(parent)
            else:  # made together with the root, perhaps; or somebody else's, and not ours to read
                with suppress(OSError):
                    _sync(parent)
            synced.append(folder)
            folder = parent
        known.update(synced)  # lost where `_settled` is another set by now


class _FileWriter(Writer):
    def __init__(self, driver: FilesystemDriver, path: str, descriptor: int, *, sync: bool) -> None:
        super().__init__(driver, path)
        self._files = driver
        self._descriptor = descriptor
        self._sync = sync
        self._size = self._written_back = os.fstat(descriptor).st_size

    @property
    def size(self) -> int:
        return self._size

    def _write(self, chunk: bytes) -> None:
        _write_all(self._descriptor, chunk)
        self._size += len(chunk)
        waiting = self._size - self._written_back
        if self._sync and waiting >= _WRITEBACK_BYTES:
            writeback.begin(self._descriptor, self._written_back, waiting)
            self._written_back = self._size

    def _suspend(self) -> tuple[State, bytes]:
        try:
            if self._sync:
                os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        return {"size": self._size}, b""

    def _commit(self, *, durable: bool) -> None:
        try:
            if durable and self._sync:
                os.fsync(self._descriptor)
                self._files._settle(os.path.dirname(self._files._root + self._path))  # noqa: PTH120, SLF001
        finally:
            os.close(self._descriptor)

    def _cancel(self) -> None:
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._files._root + self._path)  # noqa: PTH108, SLF001


def _refuse_folder(path: str) -> None:
    if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
        raise IsADirectoryError(path)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, memoryview(content)[written:])


def _remove_tree(folder: str) -> None:
    """Delete a folder while others may be adding to it or deleting from it."""
    for _ in range(100):
        shutil.rmtree(folder, onerror=_unless_gone)
        if not os.path.lexists(folder):
            return
    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), folder)


def _unless_gone(_function: Callable[..., object], _path: str, failure: object) -> None:
    error = failure[1]  # type: ignore[index]
    if not isinstance(error, FileNotFoundError) and error.errno != errno.ENOTEMPTY:
        raise error
