"""A driver that keeps everything in a dict: the contract at its plainest.

One process only: what it holds is neither shared with other workers nor kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, BinaryIO, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from distribution.errors import ConflictError, InvalidOffsetError
from distribution.storage.drivers import parameters as checked
from distribution.storage.drivers.base import (
    ABSENT,
    ROOT,
    FileInfo,
    Properties,
    State,
    StorageDriver,
    Writer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    modified: datetime
    version: str


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MemoryDriver(StorageDriver):
    """Keep content for as long as the process lives."""

    name = "inmemory"

    def __init__(self, *, minimum_part: int = 0) -> None:
        """Make an empty store.

        Args:
            minimum_part: bytes below which writers hold back a tail, as S3's do; for tests.
        """
        self._files: dict[str, _File] = {}
        self._parts: dict[str, bytes] = {}
        self._versions = count(1)
        self._lock = RLock()
        self._properties = Properties(touch=True, conditional_put=True, minimum_part=minimum_part)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, object]) -> Self:
        """Take no parameters."""
        checked.check(cls.name, _Parameters, parameters)
        return cls()

    @property
    def properties(self) -> Properties:
        """Everything but redirects."""
        return self._properties

    def _get(self, path: str) -> bytes:
        return self._file(path).content

    def _put(self, path: str, content: bytes, *, expect: str | None, durable: bool) -> None:  # noqa: ARG002
        with self._lock:
            present = self._files.get(path)
            version = ABSENT if present is None else present.version
            if expect is not None and expect != version:
                raise ConflictError(path)
            self._files[path] = _File(content, datetime.now(UTC), str(next(self._versions)))

    def _open(self, path: str, offset: int) -> BinaryIO:
        content = self._file(path).content
        if offset > len(content):
            raise InvalidOffsetError(path, offset)
        reader = BytesIO(content)
        reader.seek(offset)
        return reader

    def _writer(self, path: str, state: State | None, tail: bytes) -> Writer:
        if state is None:
            return _MemoryWriter(self, path, str(uuid4()), b"")
        part = str(state["part"])
        kept = self._parts.get(part)
        if kept is None:
            raise FileNotFoundError(part)
        if len(kept) < state["size"]:
            raise InvalidOffsetError(path, state["size"])
        return _MemoryWriter(self, path, part, kept[: state["size"]] + tail)

    def _stat(self, path: str) -> FileInfo:
        with self._lock:
            file = self._files.get(path)
            if file is not None:
                return FileInfo(path, len(file.content), file.modified, version=file.version)
            below = "" if path == ROOT else path
            inside = [f.modified for p, f in self._files.items() if p.startswith(f"{below}/")]
        if not inside:
            raise FileNotFoundError(path)
        return FileInfo(path, 0, max(inside), is_dir=True)

    def _touch(self, path: str) -> None:
        with self._lock:
            self._files[path] = replace(self._file(path), modified=datetime.now(UTC))

    def _list(self, path: str, after: str | None) -> Iterator[str]:
        prefix = "/" if path == ROOT else f"{path}/"
        with self._lock:
            names = {
                p[len(prefix) :].partition("/")[0] for p in self._files if p.startswith(prefix)
            }
        if not names:
            raise FileNotFoundError(path)
        return iter(sorted(name for name in names if after is None or name > after))

    def _move(self, source: str, target: str) -> None:
        with self._lock:
            self._files[target] = self._file(source)
            if source != target:
                del self._files[source]

    def _delete(self, path: str) -> None:
        with self._lock:
            doomed = [p for p in self._files if p == path or p.startswith(f"{path}/")]
            if not doomed:
                raise FileNotFoundError(path)
            for each in doomed:
                del self._files[each]

    def _file(self, path: str) -> _File:
        file = self._files.get(path)
        if file is None:
            raise FileNotFoundError(path)
        return file


class _MemoryWriter(Writer):
    def __init__(self, driver: MemoryDriver, path: str, part: str, start: bytes) -> None:
        super().__init__(driver, path)
        self._memory = driver
        self._part = part
        self._buffer = bytearray(start)

    @property
    def size(self) -> int:
        return len(self._buffer)

    def _write(self, chunk: bytes) -> None:
        self._buffer += chunk

    def _suspend(self) -> tuple[State, bytes]:
        unit = self._memory.properties.minimum_part
        size = len(self._buffer) - (len(self._buffer) % unit if unit else 0)
        self._memory._parts[self._part] = bytes(self._buffer[:size])  # noqa: SLF001
        return {"part": self._part, "size": size}, bytes(self._buffer[size:])

    def _commit(self, *, durable: bool) -> None:  # noqa: ARG002
        self._memory._put(self._path, bytes(self._buffer), expect=None, durable=True)  # noqa: SLF001
        self._cancel()

    def _cancel(self) -> None:
        self._memory._parts.pop(self._part, None)  # noqa: SLF001
