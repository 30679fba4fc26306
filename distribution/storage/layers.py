"""The blobs of one repository: those that it links.

A blob that lies in the store without a link here does not exist here (CVE-2024-39897).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distribution.errors import BlobUnknownError, DriverError, PathNotFoundError
from distribution.interfaces import BlobInfo
from distribution.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import BinaryIO

    from distribution.digest import Digest
    from distribution.reference import RepositoryName
    from distribution.storage.store import Store


@dataclass(frozen=True, slots=True)
class LinkedBlob:
    """Keeps `distribution.interfaces.Blob`."""

    _store: Store
    info: BlobInfo

    def open(self, offset: int = 0) -> BinaryIO:
        """Open it for reading from byte *offset*; the caller closes it.

        Raises:
            BlobUnknownError: it was removed meanwhile.
        """
        return self._store.blobs.open(self.info.digest, offset)

    def url(self, method: str, expires: timedelta) -> str | None:
        """Return an address that serves the blob without us, where the backend has one."""
        return self._store.driver.url(layout.blob_data(self.info.digest), method, expires)


class Layers:
    """Keeps `distribution.interfaces.Blobs` for one repository."""

    def __init__(self, store: Store, name: RepositoryName) -> None:
        """Serve what *name* links in *store*."""
        self._store = store
        self._name = name

    def stat(self, digest: Digest) -> BlobInfo:
        """Describe a blob; it is there for at least half the grace period after this.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """
        target = self._target(digest)
        info = self._store.blobs.stat(target)
        if not self._store.blobs.is_fresh(info):
            # Where nothing can be written nothing is collected either: reads go on.
            with suppress(DriverError), self._store.guard.shared():
                self._store.blobs.renew(self._target(digest))
        return BlobInfo(target, info.size)

    def get(self, digest: Digest) -> LinkedBlob:
        """Return a blob to read from.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """
        target = self._target(digest)
        return LinkedBlob(self._store, BlobInfo(target, self._store.blobs.stat(target).size))

    def mount(self, digest: Digest, source: RepositoryName) -> BlobInfo:
        """Link a blob of *source* into this repository, moving no bytes.

        Raises:
            BlobUnknownError: *source* has no such blob.
        """
        with self._store.guard.shared():
            target = Layers(self._store, source)._target(digest)  # noqa: SLF001 - another of us
            info = self._store.blobs.renew(target)
            self._link(digest, target)
        return BlobInfo(target, info.size)

    def mount_from_any(
        self, digest: Digest, readable: Callable[[RepositoryName], bool]
    ) -> BlobInfo:
        """Link a blob from whichever known holder the caller may read.

        Raises:
            BlobUnknownError: there is none.
        """
        for holder in self._store.blobs.holders(digest):
            if readable(holder):
                with suppress(BlobUnknownError):
                    return self.mount(digest, holder)
        raise BlobUnknownError(digest)

    def publish(self, digest: Digest, path: str) -> None:
        """Make the verified file at *path* a blob of this repository."""
        with self._store.guard.shared():
            self._store.blobs.adopt(digest, path)
            self._link(digest, digest)

    def require(self, digest: Digest) -> None:
        """Make sure that a blob is here and stays for the grace period. The guard must be held.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """
        self._store.blobs.renew(self._target(digest))

    def delete(self, digest: Digest) -> None:
        """Unlink a blob from this repository; the bytes stay for others.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """
        with self._store.guard.exclusive():
            self._target(digest)
            self._store.driver.delete(layout.layer(self._name, digest))

    def _target(self, digest: Digest) -> Digest:
        try:
            return self._store.links.read(layout.layer_link(self._name, digest))
        except PathNotFoundError as error:
            raise BlobUnknownError(digest) from error

    def _link(self, digest: Digest, target: Digest) -> None:
        self._store.blobs.note_holder(target, self._name)
        self._store.links.write(layout.layer_link(self._name, digest), target)
