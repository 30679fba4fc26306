"""Which manifests a repository may serve, and their bytes."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from distribution.errors import (
    BlobUnknownError,
    DigestMismatchError,
    DriverError,
    ManifestUnknownError,
    PathNotFoundError,
)
from distribution.manifest import Manifest
from distribution.storage import layout

if TYPE_CHECKING:
    from distribution.digest import Digest
    from distribution.reference import RepositoryName
    from distribution.storage.store import Store

_log = logging.getLogger(__name__)


class Revisions:
    """The manifests of one repository by digest."""

    def __init__(self, store: Store, name: RepositoryName) -> None:
        """Serve the manifests of *name*."""
        self._store = store
        self._name = name

    def has(self, digest: Digest) -> bool:
        """Say whether this repository has the manifest's link; an empty one is none (#4489)."""
        try:
            return self._store.driver.stat(layout.revision_link(self._name, digest)).size > 0
        except PathNotFoundError:
            return False

    def get(self, digest: Digest) -> Manifest:
        """Return a manifest; its bytes may come from memory.

        Raises:
            ManifestUnknownError: this repository has no such manifest, or it is damaged.
        """
        if not self.has(digest):
            raise ManifestUnknownError(digest)
        return self._store.manifests.get(digest) or self._read(digest)

    def require(self, digest: Digest) -> None:
        """Make sure that a manifest is here and stays for the grace period. The guard must be held.

        Raises:
            ManifestUnknownError: this repository has no such manifest.
        """
        try:
            self._store.blobs.renew(digest)
        except BlobUnknownError as error:
            raise ManifestUnknownError(digest) from error
        if not self.has(digest):
            raise ManifestUnknownError(digest)

    def keep(self, digest: Digest) -> None:
        """Renew an old manifest's time, where anything can be written.

        Raises:
            ManifestUnknownError: it was removed meanwhile.
        """
        with suppress(DriverError), self._store.guard.shared():
            self.require(digest)

    def add(self, manifest: Manifest) -> None:
        """Link a manifest whose bytes are stored. The guard must be held."""
        self._store.links.write(layout.revision_link(self._name, manifest.digest), manifest.digest)
        self._store.manifests.add(manifest)

    def remove(self, digest: Digest) -> None:
        """Unlink a manifest. The guard must be held exclusive.

        Raises:
            ManifestUnknownError: this repository has no such manifest.
        """
        if not self.has(digest):
            raise ManifestUnknownError(digest)
        self._store.driver.delete(layout.revision(self._name, digest))

    def _read(self, digest: Digest) -> Manifest:
        try:
            raw = self._store.blobs.read(digest)
        except BlobUnknownError as error:
            raise ManifestUnknownError(digest) from error
        except DigestMismatchError as error:
            _log.error("manifest %s of %s is damaged: %s", digest, self._name, error)
            raise ManifestUnknownError(digest) from error
        manifest = Manifest.stored(raw, digest)
        self._store.manifests.add(manifest)
        return manifest
