"""The content-addressable store: bytes in, digest out; digest in, bytes out.

It knows nothing of repositories: who may see a blob is `distribution.storage.layers`' to say.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from distribution.digest import Digest
from distribution.errors import (
    BlobUnknownError,
    DigestMismatchError,
    DriverError,
    InvalidNameError,
    PathNotFoundError,
)
from distribution.reference import RepositoryName
from distribution.storage import layout

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import BinaryIO

    from distribution.storage.drivers.base import FileInfo, StorageDriver

#: Names kept beside a blob for anonymous mounts.
_HOLDERS_LIMIT: Final = 8


class BlobStore:
    """All blobs of all repositories, stored once each."""

    def __init__(self, driver: StorageDriver, *, fresh_for: timedelta, keep_holders: bool) -> None:
        """Keep blobs in *driver*.

        Args:
            driver: where.
            fresh_for: how long after its last use a blob needs no new time; half the collector's
                grace period.
            keep_holders: whether to note beside a blob who links it.
        """
        self._driver = driver
        self._fresh_for = fresh_for
        self._keep_holders = keep_holders

    def stat(self, digest: Digest) -> FileInfo:
        """Describe the stored bytes.

        Raises:
            BlobUnknownError: no such blob, or nothing is left of it.
        """
        try:
            info = self._driver.stat(layout.blob_data(digest))
        except PathNotFoundError as error:
            raise BlobUnknownError(digest) from error
        if info.size == 0 and not digest.matches(b""):
            # Crashes of older registries left empty files behind (distribution #4489, #2635).
            raise BlobUnknownError(digest)
        return info

    def open(self, digest: Digest, offset: int = 0) -> BinaryIO:
        """Open a blob from byte *offset*; the caller closes it.

        Raises:
            BlobUnknownError: no such blob.
        """
        try:
            return self._driver.open(layout.blob_data(digest), offset)
        except PathNotFoundError as error:
            raise BlobUnknownError(digest) from error

    def read(self, digest: Digest) -> bytes:
        """Return a small blob, verified.

        Raises:
            BlobUnknownError: no such blob.
            DigestMismatchError: what is stored is damaged.
        """
        try:
            content = self._driver.get(layout.blob_data(digest))
        except PathNotFoundError as error:
            raise BlobUnknownError(digest) from error
        actual = Digest.of(content, digest.algorithm)
        if actual != digest:
            raise DigestMismatchError(digest, actual)
        return content

    def put(self, digest: Digest, content: bytes) -> None:
        """Store a small blob durably, replacing what may be damaged.

        Raises:
            DigestMismatchError: the content is not *digest*'s; nothing is stored.
        """
        actual = Digest.of(content, digest.algorithm)
        if actual != digest:
            raise DigestMismatchError(digest, actual)
        self._driver.put(layout.blob_data(digest), content)

    def adopt(self, digest: Digest, path: str) -> None:
        """Publish the file at *path*, whose content was verified, as the blob *digest*.

        Its time is renewed first, so that no collector takes it for old before it is linked.
        """
        self._driver.touch(path)
        self._driver.move(path, layout.blob_data(digest))

    def is_fresh(self, info: FileInfo) -> bool:
        """Say whether a blob was used so recently that no collector can want it soon."""
        return datetime.now(UTC) - info.modified < self._fresh_for

    def renew(self, digest: Digest) -> FileInfo:
        """Describe a blob having made sure that it is fresh. The guard must be held.

        Raises:
            BlobUnknownError: no such blob.
        """
        info = self.stat(digest)
        if not self.is_fresh(info):
            self._driver.touch(layout.blob_data(digest))
        return info

    def holders(self, digest: Digest) -> list[RepositoryName]:
        """Return some repositories that linked a blob once; each must be checked."""
        try:
            text = self._driver.get(layout.blob_holders(digest)).decode("ascii", "replace")
        except PathNotFoundError:
            return []
        names = []
        for line in text.splitlines():
            with suppress(InvalidNameError):
                names.append(RepositoryName.parse(line))
        return names

    def note_holder(self, digest: Digest, name: RepositoryName) -> None:
        """Remember that *name* links a blob. What is lost of this costs an upload, no more."""
        if not self._keep_holders:
            return
        known = self.holders(digest)
        if name in known or len(known) >= _HOLDERS_LIMIT:
            return
        lines = "".join(f"{holder}\n" for holder in (*known, name))
        with suppress(DriverError):
            self._driver.put(layout.blob_holders(digest), lines.encode(), durable=False)
