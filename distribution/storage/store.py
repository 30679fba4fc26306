"""What the parts of all repositories of one store share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from distribution.storage.blobs import BlobStore
from distribution.storage.claims import FileClaims, ThreadClaims
from distribution.storage.guard import FileGuard, ThreadGuard
from distribution.storage.links import Links
from distribution.storage.proofs import Proofs
from distribution.storage.rules import ManifestRules

if TYPE_CHECKING:
    from distribution.digest import Digest
    from distribution.manifest import Manifest
    from distribution.storage.claims import Claims
    from distribution.storage.drivers.base import StorageDriver
    from distribution.storage.guard import Guard


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a store behaves."""

    rules: ManifestRules = field(default_factory=ManifestRules)
    grace: timedelta = timedelta(hours=1)
    """Content that was used within this time is never collected."""
    cache_bytes: int = 64 << 20
    """Manifests kept in memory, by process."""
    anonymous_mount: bool | None = None
    """Whether to note who holds a blob, so that a mount may omit its source; None: where cheap."""


class ManifestCache:
    """Manifests by digest.

    The content is immutable, so an entry is never wrong; but it may be gone from storage, which
    whoever uses it must ask first (design 5).
    """

    def __init__(self, limit: int) -> None:
        """Hold up to *limit* bytes."""
        self._entries: LRUCache[Digest, Manifest] = LRUCache(limit, lambda m: len(m.raw) * 2 + 2000)
        self._lock = Lock()

    def get(self, digest: Digest) -> Manifest | None:
        """Return what is known of *digest*."""
        with self._lock:
            return self._entries.get(digest)

    def add(self, manifest: Manifest) -> None:
        """Remember *manifest*, unless it is too large to be worth it."""
        with self._lock:
            try:
                self._entries[manifest.digest] = manifest
            except ValueError:  # larger than the whole cache
                return


class Store:
    """One driver, and what keeps its users apart."""

    def __init__(self, driver: StorageDriver, options: StoreOptions | None = None) -> None:
        """Keep everything in *driver*."""
        options = options or StoreOptions()
        folder = driver.properties.state_folder
        noted = options.anonymous_mount
        self.driver = driver
        self.rules = options.rules
        self.links = Links(driver)
        self.proofs = Proofs(driver)
        self.blobs = BlobStore(
            driver,
            fresh_for=options.grace / 2,
            keep_holders=driver.properties.touch if noted is None else noted,
        )
        self.manifests = ManifestCache(options.cache_bytes)
        self.guard: Guard = ThreadGuard() if folder is None else FileGuard(folder)
        self.claims: Claims = ThreadClaims() if folder is None else FileClaims(folder / "uploads")
