"""One named collection of blobs, manifests and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distribution.storage.layers import Layers
from distribution.storage.manifests import ManifestStore
from distribution.storage.referrers import ReferrersIndex
from distribution.storage.revisions import Revisions
from distribution.storage.tags import TagFolder
from distribution.storage.uploads import UploadSessions

if TYPE_CHECKING:
    from distribution.reference import RepositoryName
    from distribution.storage.store import Store


class StoredRepository:
    """Keeps `distribution.interfaces.Repository` over a store. Cheap to make, holds nothing."""

    __slots__ = ("_store", "name")

    def __init__(self, store: Store, name: RepositoryName) -> None:
        """Name the repository, which need not exist yet."""
        self._store = store
        self.name = name

    @property
    def blobs(self) -> Layers:
        """The blobs it links."""
        return Layers(self._store, self.name)

    @property
    def uploads(self) -> UploadSessions:
        """Its upload sessions."""
        return UploadSessions(self._store, self.name, self.blobs)

    @property
    def tags(self) -> TagFolder:
        """Its tags."""
        return TagFolder(self._store, self.name)

    @property
    def referrers(self) -> ReferrersIndex:
        """Its manifests that name another one as their subject."""
        revisions = Revisions(self._store, self.name)
        return ReferrersIndex(self._store, self.name, revisions, self.tags)

    @property
    def manifests(self) -> ManifestStore:
        """Its manifests."""
        revisions, tags = Revisions(self._store, self.name), self.tags
        referrers = ReferrersIndex(self._store, self.name, revisions, tags)
        return ManifestStore(self._store, self.blobs, revisions, tags, referrers)
