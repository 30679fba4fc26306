"""Upload sessions: content on its way in, verified before it is published.

A session lives in storage (`distribution.storage.sessions`), so the next request may reach any
process.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID, uuid4

from distribution.digest import CANONICAL, Digest
from distribution.errors import (
    DigestMismatchError,
    DriverError,
    UploadRangeError,
    UploadUnknownError,
)
from distribution.interfaces import BlobInfo, UploadStatus
from distribution.storage import hashstate
from distribution.storage.background import BackgroundHash
from distribution.storage.sessions import Session

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from distribution.reference import RepositoryName
    from distribution.storage.drivers.base import StorageDriver, Writer
    from distribution.storage.layers import Layers
    from distribution.storage.sessions import Position
    from distribution.storage.store import Store

_READ_BYTES: Final = 1 << 20


class UploadSessions:
    """Keeps `distribution.interfaces.Uploads` for one repository."""

    def __init__(self, store: Store, name: RepositoryName, layers: Layers) -> None:
        """Serve the sessions of *name*; what they commit becomes one of its *layers*."""
        self._store = store
        self._name = name
        self._layers = layers

    def start(self, algorithm: str | None = None) -> UploadStatus:
        """Begin a session whose content will be named by a digest of *algorithm*."""
        session = self._session(str(uuid4()))
        return UploadStatus(session.id, 0, session.create(algorithm or CANONICAL))

    def status(self, upload: str) -> UploadStatus:
        """Tell where a session stands.

        Raises:
            UploadUnknownError: no such session.
        """
        session = self._known(upload)
        return UploadStatus(session.id, session.offset(), session.started_at())

    def resume(self, upload: str, at: int | None = None) -> OpenUpload:
        """Open a session for writing; nobody else can until it ends or is suspended.

        Raises:
            UploadUnknownError: no such session.
            UploadBusyError: another request is writing to it.
            UploadRangeError: the session does not stand at *at*; it lives on.
        """
        session = self._known(upload)
        with ExitStack() as claim:
            claim.enter_context(self._store.claims.claim(session.id))
            started_at = session.started_at()  # whoever held it before may have ended it
            position = session.position()
            if at not in {None, position.offset}:
                raise UploadRangeError(session.id, position.offset)
            session.forget_beyond(position)
            writer = self._store.driver.writer(session.data, position.writer_state, position.tail)
            return OpenUpload(
                session,
                position,
                started_at,
                self._store.driver,
                writer,
                self._layers,
                claim.pop_all(),
            )

    def cancel(self, upload: str) -> None:
        """Discard a session.

        Raises:
            UploadUnknownError: no such session.
            UploadBusyError: another request is writing to it.
        """
        with self.resume(upload) as opened:
            opened.cancel()

    def _known(self, upload: str) -> Session:
        try:
            canonical = str(UUID(upload))
        except ValueError as error:
            raise UploadUnknownError(upload) from error
        if canonical != upload:
            raise UploadUnknownError(upload)
        session = self._session(upload)
        session.started_at()
        return session

    def _session(self, upload: str) -> Session:
        return Session(self._store.driver, self._name, upload)


class OpenUpload:
    """Keeps `distribution.interfaces.Upload`: a session, claimed by this caller."""

    def __init__(
        self,
        session: Session,
        position: Position,
        started_at: datetime,
        driver: StorageDriver,
        writer: Writer,
        layers: Layers,
        claim: ExitStack,
    ) -> None:
        """Go on with *session* from *position*; *claim* is released at the end."""
        self._session = session
        self._algorithm = position.algorithm
        self._started_at = started_at
        self._driver = driver
        self._layers = layers
        self._claim = claim
        self._writer = writer
        self._hash = None if position.hash is None else BackgroundHash(position.hash)
        self.ended = False

    @property
    def id(self) -> str:
        """The session's identifier."""
        return self._session.id

    @property
    def offset(self) -> int:
        """Bytes received so far."""
        return self._writer.size

    def expect(self, digest: Digest) -> None:
        """Tell the digest before the first byte, so that the right hash is taken on the way."""
        if self._writer.size == 0 and digest.algorithm != self._algorithm:
            self._algorithm = digest.algorithm
            self._hash = BackgroundHash(hashstate.start(digest.algorithm))

    def write(self, chunk: bytes) -> None:
        """Append *chunk*.

        Raises:
            DriverError: storage failed. The session goes back to where it last was for certain.
        """
        if self._hash is not None:
            self._hash.update(chunk)
        try:
            self._writer.write(chunk)
        except BaseException:
            self._abandon()
            raise

    def suspend(self) -> UploadStatus:
        """Leave the session to be resumed, here or by another process."""
        offset = self._writer.size
        try:
            settled = None if self._hash is None else self._hash.settle()
            state, tail = self._writer.suspend()
            self._session.save(self._algorithm, offset, settled, state, tail)
        finally:
            self._end()
        return UploadStatus(self.id, offset, self._started_at)

    def commit(self, digest: Digest) -> BlobInfo:
        """Verify, publish, and end the session.

        Raises:
            DigestMismatchError: the content is not *digest*'s; nothing is published, and the
                session is gone.
        """
        size = self._writer.size
        try:
            settled = None if self._hash is None else self._hash.settle()
            self._writer.commit(durable=False)
            if settled is None or settled.algorithm != digest.algorithm:
                settled = self._read_again(digest.algorithm)
            actual = Digest(digest.algorithm, settled.hexdigest())
            if actual != digest:
                self._session.drop()
                raise DigestMismatchError(digest, actual)
            self._layers.publish(digest, self._session.data)
            self._drop_quietly()
        finally:
            self._end()
        return BlobInfo(digest, size)

    def cancel(self) -> None:
        """End the session and discard its content."""
        try:
            if self._hash is not None:
                self._hash.settle()
            self._writer.cancel()
            self._session.drop()
        finally:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.ended:
            self.suspend()

    def _read_again(self, algorithm: str) -> hashstate.Hash:
        """Hash what is stored: it was hashed by another algorithm, or the state was lost."""
        found = hashstate.start(algorithm)
        with self._driver.open(self._session.data) as stored:
            while chunk := stored.read(_READ_BYTES):
                found.update(chunk)
        return found

    def _abandon(self) -> None:
        if self._hash is not None:
            self._hash.settle()
        with suppress(DriverError):
            self._writer.suspend()
        self._end()

    def _drop_quietly(self) -> None:
        # The blob is published: failing to tidy up must not be told as a failed push.
        with suppress(DriverError):
            self._session.drop()

    def _end(self) -> None:
        self.ended = True
        self._claim.close()
