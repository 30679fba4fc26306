"""What the parts of all repositories of one store share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from distribution.storage.blobs import BlobStore
from distribution.storage.caches import ManifestCache, TagHints
from distribution.storage.claims import FileClaims, ThreadClaims
from distribution.storage.guard import FileGuard, ThreadGuard
from distribution.storage.links import Links
from distribution.storage.rules import ManifestRules

if TYPE_CHECKING:
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
        self.blobs = BlobStore(
            driver,
            fresh_for=options.grace / 2,
            keep_holders=driver.properties.touch if noted is None else noted,
        )
        self.manifests = ManifestCache(options.cache_bytes)
        self.tag_hints = TagHints()
        self.guard: Guard = ThreadGuard() if folder is None else FileGuard(folder)
        self.claims: Claims = ThreadClaims() if folder is None else FileClaims(folder / "uploads")
