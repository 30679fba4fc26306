"""A storage driver that keeps a whole registry in one SQLite file.

Three tables: ``files`` says what a path holds, ``contents`` names each content once, ``pieces``
holds its bytes. What a writer writes belongs to no file until `commit` makes one of it, in one
transaction; so readers see old or new, and a killed writer leaves nothing that anybody sees.
"""

from __future__ import annotations

import fcntl
import io
import sqlite3
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from pydantic import BaseModel, ConfigDict

from distribution.errors import ConflictError, DistributionError, DriverError, InvalidOffsetError
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

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS contents (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS pieces (
    content INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
    start INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (content, start)
);
CREATE TABLE IF NOT EXISTS files (
    key TEXT PRIMARY KEY,
    content INTEGER NOT NULL REFERENCES contents,
    size INTEGER NOT NULL,
    modified REAL NOT NULL
) WITHOUT ROWID;
"""

#: Bytes in one row of ``pieces``.
_PIECE_BYTES: Final = 1 << 20

#: Seconds that a writer waits for another one.
_BUSY_SECONDS: Final = 60.0

# A key is a path with this for each slash. It sorts before every character of a name, so that the
# order of keys is the order of names, directory by directory: ``/a/b`` before ``/a-b``.
_SLASH: Final = "!"
_BEYOND_SLASH: Final = '"'


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: Path


class SqliteDriver(StorageDriver):
    """Keep content in one SQLite file, shared by the processes of this machine."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        """Keep everything in *file*, which is made when first used.

        Nothing is opened yet: a connection must not cross a fork, and a server forks its workers
        after it has built the driver once to check its parameters.
        """
        self._file = file
        self._idle: deque[sqlite3.Connection] = deque()
        self._properties = Properties(
            touch=True, conditional_put=True, state_folder=file.with_name(f"{file.name}.state")
        )

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, object]) -> Self:
        """Read ``file``, the path of the database."""
        return cls(checked.check(cls.name, _Parameters, parameters).file)

    @property
    def properties(self) -> Properties:
        """Atomic moves, touches and conditional puts; no redirects."""
        return self._properties

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def translate(self, error: Exception, path: str) -> DistributionError | None:
        """Add what SQLite raises: locked too long, disk full, file damaged."""
        if isinstance(error, sqlite3.Error):
            return DriverError(f"{self.name}: {path}: {error}")
        return super().translate(error, path)

    # --- small files ------------------------------------------------------------------------

    def _get(self, path: str) -> bytes:
        with self.connection() as db:  # one statement sees one state of the database
            rows = db.execute(
                "SELECT bytes FROM files LEFT JOIN pieces USING (content) WHERE key = ?"
                " ORDER BY start",
                [_key(path)],
            ).fetchall()
        if not rows:
            raise FileNotFoundError(path)
        return b"".join(piece for (piece,) in rows if piece is not None)

    def _put(self, path: str, content: bytes, *, expect: str | None, durable: bool) -> None:  # noqa: ARG002
        with self.transaction() as db:
            if expect is not None and expect != _version(db, path):
                raise ConflictError(path)
            new = new_content(db)
            append(db, new, 0, content)
            publish(db, path, new, len(content))

    def _stat(self, path: str) -> FileInfo:
        inside, end = _bounds(path)
        with self.connection() as db:
            row = db.execute(
                "SELECT size, modified, content FROM files WHERE key = ?", [_key(path)]
            ).fetchone()
            first = (
                row
                or db.execute(
                    "SELECT 0, modified FROM files WHERE key >= ? AND key < ? LIMIT 1",
                    [inside, end],
                ).fetchone()
            )
        if first is None:
            raise FileNotFoundError(path)
        modified = datetime.fromtimestamp(first[1], UTC)
        if row is None:
            return FileInfo(path, 0, modified, is_dir=True)
        return FileInfo(path, row[0], modified, version=str(row[2]))

    def _touch(self, path: str) -> None:
        with self.transaction() as db:
            changed = db.execute(
                "UPDATE files SET modified = ? WHERE key = ?", [_now(), _key(path)]
            ).rowcount
        if not changed:
            raise FileNotFoundError(path)

    # --- large files ------------------------------------------------------------------------

    def _open(self, path: str, offset: int) -> BinaryIO:
        connection = self.take()
        try:
            content = _begin_reading(connection, path, offset)
        except BaseException:
            self.give_back(connection)
            raise
        return io.BufferedReader(_Reader(self, connection, content, offset), _PIECE_BYTES)

    def _writer(self, path: str, state: State | None, tail: bytes) -> Writer:
        with self.transaction() as db:
            if state is None:
                writer = _SqliteWriter(self, path, new_content(db), 0)
            else:
                writer = self._resumed(db, path, int(state["content"]), int(state["size"]))
        if tail:
            writer.write(tail)
        return writer

    def _resumed(self, db: sqlite3.Connection, path: str, content: int, size: int) -> _SqliteWriter:
        if not db.execute("SELECT 1 FROM contents WHERE id = ?", [content]).fetchone():
            raise FileNotFoundError(path)
        # A writer that was killed may have gone on beyond what was written down of it.
        db.execute("DELETE FROM pieces WHERE content = ? AND start >= ?", [content, size])
        (stored,) = db.execute(
            "SELECT coalesce(max(start + length(bytes)), 0) FROM pieces WHERE content = ?",
            [content],
        ).fetchone()
        if stored < size:
            raise InvalidOffsetError(path, size)
        return _SqliteWriter(self, path, content, size)

    # --- many files -------------------------------------------------------------------------

    def _list(self, path: str, after: str | None) -> Iterator[str]:
        inside, end = _bounds(path)
        if self._next(inside, end) is None:
            raise FileNotFoundError(path)
        return self._names(inside, end, after)

    def _names(self, inside: str, end: str, after: str | None) -> Iterator[str]:
        """Jump from child to child: a directory costs one query, whatever lies in it."""
        bound = inside + (after or "")
        while (key := self._next(bound, end)) is not None:
            name = key[len(inside) :].partition(_SLASH)[0]
            if after is None or name > after:
                yield name
            bound = inside + name + _BEYOND_SLASH

    def _next(self, bound: str, end: str) -> str | None:
        with self.connection() as db:
            row = db.execute(
                "SELECT min(key) FROM files WHERE key >= ? AND key < ?", [bound, end]
            ).fetchone()
        return None if row[0] is None else str(row[0])

    def _move(self, source: str, target: str) -> None:
        with self.transaction() as db:
            row = db.execute(
                "SELECT content, size, modified FROM files WHERE key = ?", [_key(source)]
            ).fetchone()
            if row is None:
                raise FileNotFoundError(source)
            if source != target:
                db.execute("DELETE FROM files WHERE key = ?", [_key(source)])
                publish(db, target, *row)

    def _delete(self, path: str) -> None:
        key, (inside, end) = _key(path), _bounds(path)
        with self.transaction() as db:
            gone = db.execute(
                "DELETE FROM files WHERE key = ? OR (key >= ? AND key < ?) RETURNING content",
                [key, inside, end],
            ).fetchall()
            db.executemany("DELETE FROM contents WHERE id = ?", gone)
        if not gone:
            raise FileNotFoundError(path)

    # --- connections ------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction: all of it happens, durably, or nothing."""
        with self.connection() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    def take(self) -> sqlite3.Connection:
        """Return a connection that is this caller's alone."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep *connection* for the next caller; what it left undone does not happen."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with self._file.with_name(f"{self._file.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two at once may not agree on the journal's mode
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


class _SqliteWriter(Writer):
    def __init__(self, driver: SqliteDriver, path: str, content: int, size: int) -> None:
        super().__init__(driver, path)
        self._sqlite = driver
        self._content = content
        self._stored = size
        self._pending = bytearray()

    @property
    def size(self) -> int:
        return self._stored + len(self._pending)

    def _write(self, chunk: bytes) -> None:
        self._pending += chunk
        if len(self._pending) >= _PIECE_BYTES:
            self._flush()

    def _suspend(self) -> tuple[State, bytes]:
        self._flush()
        return {"content": self._content, "size": self._stored}, b""

    def _commit(self, *, durable: bool) -> None:  # noqa: ARG002
        self._flush()
        with self._sqlite.transaction() as db:
            publish(db, self._path, self._content, self._stored)

    def _cancel(self) -> None:
        with self._sqlite.transaction() as db:
            db.execute("DELETE FROM contents WHERE id = ?", [self._content])

    def _flush(self) -> None:
        with self._sqlite.transaction() as db:
            append(db, self._content, self._stored, bytes(self._pending))
        self._stored += len(self._pending)
        self._pending.clear()


class _Reader(io.RawIOBase):
    """The pieces of one content, as they were when it was opened."""

    def __init__(
        self, driver: SqliteDriver, connection: sqlite3.Connection, content: int, offset: int
    ) -> None:
        super().__init__()
        self._driver = driver
        self._connection: sqlite3.Connection | None = connection
        self._content = content
        self._offset = offset
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = self._piece()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._offset += count
        return count

    def close(self) -> None:
        if self._connection is not None:
            self._driver.give_back(self._connection)
            self._connection = None
        super().close()

    def _piece(self) -> memoryview:
        assert self._connection is not None  # noqa: S101 - nobody reads a closed file
        row = self._connection.execute(
            "SELECT start, bytes FROM pieces WHERE content = ? AND start <= ?"
            " ORDER BY start DESC LIMIT 1",
            [self._content, self._offset],
        ).fetchone()
        return memoryview(b"") if row is None else memoryview(row[1])[self._offset - row[0] :]


def _begin_reading(db: sqlite3.Connection, path: str, offset: int) -> int:
    """Return the content of *path*; what *db* sees is fixed from here on."""
    db.execute("BEGIN")
    row = db.execute("SELECT content, size FROM files WHERE key = ?", [_key(path)]).fetchone()
    if row is None:
        raise FileNotFoundError(path)
    if offset > row[1]:
        raise InvalidOffsetError(path, offset)
    return int(row[0])


def new_content(db: sqlite3.Connection) -> int:
    """Return the number of a content that is still empty and belongs to no file."""
    number = db.execute("INSERT INTO contents DEFAULT VALUES").lastrowid
    assert number is not None  # noqa: S101 - an INSERT has one
    return number


def append(db: sqlite3.Connection, content: int, start: int, chunk: bytes) -> None:
    """Add *chunk* to a content that has *start* bytes so far."""
    if chunk:
        db.execute("INSERT INTO pieces VALUES (?, ?, ?)", [content, start, chunk])


def publish(
    db: sqlite3.Connection, path: str, content: int, size: int, modified: float | None = None
) -> None:
    """Let *path* be *content*; what was there before is gone."""
    old = db.execute("SELECT content FROM files WHERE key = ?", [_key(path)]).fetchall()
    db.execute(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
        [_key(path), content, size, _now() if modified is None else modified],
    )
    db.executemany("DELETE FROM contents WHERE id = ?", old)


def _version(db: sqlite3.Connection, path: str) -> str:
    row = db.execute("SELECT content FROM files WHERE key = ?", [_key(path)]).fetchone()
    return ABSENT if row is None else str(row[0])


def _key(path: str) -> str:
    return path.replace("/", _SLASH)


def _bounds(path: str) -> tuple[str, str]:
    """Return the first key that lies below a directory, and the first one beyond it."""
    folder = "" if path == ROOT else _key(path)
    return folder + _SLASH, folder + _BEYOND_SLASH


def _now() -> float:
    return datetime.now(UTC).timestamp()
