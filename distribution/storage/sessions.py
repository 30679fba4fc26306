"""What an upload session keeps in storage between two requests.

Where it stands is never in a process. On a driver that writes in place (the filesystem) the folder
is Docker Distribution's own: ``data``, ``startedat`` and ``hashstates/<alg>/<offset>``, and the
truth is the largest hash state that the data reaches to; without one, the data, to be hashed
again. Elsewhere a ``record`` of ours holds the offset and the driver's own state; it is written
last, so it is never ahead of what it speaks of.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from distribution.digest import CANONICAL, HEX_LENGTH
from distribution.errors import PathNotFoundError, UploadUnknownError
from distribution.storage import hashstate, layout

if TYPE_CHECKING:
    from distribution.reference import RepositoryName
    from distribution.storage.drivers.base import State, StorageDriver
    from distribution.storage.hashstate import Hash


@dataclass(frozen=True, slots=True)
class Position:
    """Where a session stands, and what it takes to go on."""

    offset: int
    """Bytes received, the tail included."""
    algorithm: str
    hash: Hash | None
    """Of the first `offset` bytes; None where they must be read again."""
    writer_state: State | None
    tail: bytes


class Session:
    """The folder of one upload session."""

    def __init__(self, driver: StorageDriver, name: RepositoryName, upload: str) -> None:
        """Name the session; nothing is read or written."""
        self.id = upload
        self._driver = driver
        self._folder = layout.upload(name, upload)

    @property
    def data(self) -> str:
        """The path that the content is written to."""
        return f"{self._folder}/data"

    def create(self, algorithm: str) -> datetime:
        """Begin the session; return when."""
        now = datetime.now(UTC).replace(microsecond=0)
        if algorithm != CANONICAL:
            self._write_record({"algorithm": algorithm})
        started = now.isoformat().replace("+00:00", "Z")
        self._driver.put(f"{self._folder}/startedat", started.encode(), durable=False)
        return now

    def started_at(self) -> datetime:
        """Return when the session began.

        Raises:
            UploadUnknownError: it never did, or has ended.
        """
        try:
            text = self._driver.get(f"{self._folder}/startedat").decode("ascii", "replace")
        except PathNotFoundError as error:
            raise UploadUnknownError(self.id) from error
        try:
            return datetime.fromisoformat(text.strip())
        except ValueError:
            return self._driver.stat(f"{self._folder}/startedat").modified

    def offset(self) -> int:
        """Return how many bytes count as received."""
        return self.position().offset

    def position(self) -> Position:
        """Return where the session stands."""
        record = self._read_record()
        algorithm = str(record.get("algorithm", CANONICAL))
        if algorithm not in HEX_LENGTH:
            algorithm = CANONICAL
        if not self._driver.properties.in_place_writes:
            return self._recorded(record, algorithm)
        try:
            size = self._driver.stat(self.data).size
        except PathNotFoundError:
            return Position(0, algorithm, hashstate.start(algorithm), None, b"")
        offset, found = self._checkpoint(algorithm, size)
        return Position(offset, algorithm, found, {"size": offset}, b"")

    def save(
        self, algorithm: str, offset: int, found: Hash | None, state: State, tail: bytes
    ) -> None:
        """Write down where the session stands. The data must be durable already.

        Args:
            algorithm: that of *found*.
            offset: bytes received, *tail* included.
            found: the hash of them; None if it must be taken from the stored bytes in the end.
            state: the driver's own.
            tail: what the driver could not take yet.
        """
        folder = f"{self._folder}/hashstates/{algorithm}"
        older = self._names(folder)
        snapshot = None if found is None else found.state()
        if snapshot is not None and offset:  # of nothing there is nothing to remember
            self._driver.put(f"{folder}/{offset}", snapshot, durable=False)
        if not self._driver.properties.in_place_writes:
            if tail:
                self._driver.put(f"{self._folder}/tails/{offset}", tail, durable=False)
            self._write_record({"algorithm": algorithm, "offset": offset, "writer": state})
        for name in older:
            if name != str(offset):
                with suppress(PathNotFoundError):
                    self._driver.delete(f"{folder}/{name}")

    def forget_beyond(self, position: Position) -> None:
        """Remove hash states that the data does not reach; the caller is about to write there.

        They are left where data was lost, or moved away by a commit that then failed. Other data
        must not grow to meet them.
        """
        folder = f"{self._folder}/hashstates/{position.algorithm}"
        for name in self._names(folder):
            if name.isdecimal() and int(name) > position.offset:
                with suppress(PathNotFoundError):
                    self._driver.delete(f"{folder}/{name}")

    def drop(self) -> None:
        """Remove all that is left of the session."""
        with suppress(PathNotFoundError):
            self._driver.delete(self._folder)

    def _recorded(self, record: dict[str, Any], algorithm: str) -> Position:
        offset = int(record.get("offset", 0))
        if offset == 0:
            return Position(0, algorithm, hashstate.start(algorithm), None, b"")
        _, found = self._restore(algorithm, offset)
        tail = b""
        with suppress(PathNotFoundError):
            tail = self._driver.get(f"{self._folder}/tails/{offset}")
        return Position(offset, algorithm, found, record["writer"], tail)

    def _checkpoint(self, algorithm: str, size: int) -> tuple[int, Hash | None]:
        """Return the largest offset within *size* that a hash state is kept for."""
        names = self._names(f"{self._folder}/hashstates/{algorithm}")
        offsets = sorted((int(name) for name in names if name.isdecimal()), reverse=True)
        for offset in offsets:
            if offset <= size:
                reached, found = self._restore(algorithm, offset)
                if found is not None:
                    return reached, found
        return (0, hashstate.start(algorithm)) if size == 0 else (size, None)

    def _restore(self, algorithm: str, offset: int) -> tuple[int, Hash | None]:
        path = f"{self._folder}/hashstates/{algorithm}/{offset}"
        try:
            return offset, hashstate.restore(algorithm, self._driver.get(path))
        except PathNotFoundError:
            return offset, None

    def _names(self, folder: str) -> list[str]:
        try:
            return list(self._driver.list(folder))
        except PathNotFoundError:
            return []

    def _read_record(self) -> dict[str, Any]:
        try:
            record = json.loads(self._driver.get(f"{self._folder}/record"))
        except (PathNotFoundError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _write_record(self, record: dict[str, Any]) -> None:
        self._driver.put(f"{self._folder}/record", json.dumps(record).encode(), durable=False)
