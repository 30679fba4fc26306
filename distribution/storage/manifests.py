"""The manifests of one repository: looked up, checked on the way in, and removed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from distribution.digest import Digest
from distribution.errors import (
    BlobUnknownError,
    ManifestReferencesUnknownError,
    ManifestUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distribution.manifest import Manifest
    from distribution.reference import Tag
    from distribution.storage.layers import Layers
    from distribution.storage.referrers import ReferrersIndex
    from distribution.storage.revisions import Revisions
    from distribution.storage.store import Store
    from distribution.storage.tags import TagFolder


class ManifestStore:
    """Keeps `distribution.interfaces.Manifests` for one repository."""

    def __init__(
        self,
        store: Store,
        layers: Layers,
        revisions: Revisions,
        tags: TagFolder,
        referrers: ReferrersIndex,
    ) -> None:
        """Bring the parts of one repository together."""
        self._store = store
        self._layers = layers
        self._revisions = revisions
        self._tags = tags
        self._referrers = referrers

    def get(self, reference: Digest | Tag) -> Manifest:
        """Return a manifest.

        Raises:
            ManifestUnknownError: this repository has none under *reference*.
        """
        return self._revisions.get(self._digest(reference))

    def stat(self, reference: Digest | Tag) -> Manifest:
        """Return a manifest having made sure that its bytes are still stored.

        Raises:
            ManifestUnknownError: this repository has none under *reference*.
        """
        manifest = self._revisions.get(self._digest(reference))
        try:
            info = self._store.blobs.stat(manifest.digest)
        except BlobUnknownError as error:
            raise ManifestUnknownError(reference) from error
        if not self._store.blobs.is_fresh(info):
            self._revisions.keep(manifest.digest)
        return manifest

    def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Store a manifest and let *tags* point at it.

        What it refers to is checked, and kept from the collector, in the same step. The order of
        the writes leaves a truth behind wherever it breaks off: first the bytes, then whom it
        refers to, then that the repository has it, and the tags last.

        Raises:
            ManifestReferencesUnknownError: something it refers to is not in this repository.
            ManifestInvalidError: it names a URL that the rules refuse.
        """
        required = {each.digest for each in self._store.rules.required(manifest)}
        with self._store.guard.shared():
            missing = [d for d in required if not self._require(d, child=manifest.is_index)]
            if missing:
                raise ManifestReferencesUnknownError(sorted(missing, key=str))
            self._store.blobs.put(manifest.digest, manifest.raw)
            self._referrers.add(manifest)
            self._revisions.add(manifest)
            for tag in tags:
                self._tags.set(tag, manifest.digest)

    def delete(self, digest: Digest) -> None:
        """Delete a manifest and all tags that point at it.

        Raises:
            ManifestUnknownError: this repository has no such manifest.
        """
        if not self._revisions.has(digest):
            raise ManifestUnknownError(digest)
        # Thousands of tags are not read while others wait; each is read again before it goes.
        candidates = list(self._tags.pointing_at(digest))
        with self._store.guard.exclusive():
            for tag in candidates:
                self._tags.delete_if(tag, digest)
            subject_known = self._find(digest)
            self._revisions.remove(digest)
            if subject_known is not None:
                self._referrers.remove(subject_known)

    def _digest(self, reference: Digest | Tag) -> Digest:
        return reference if isinstance(reference, Digest) else self._tags.get(reference)

    def _require(self, digest: Digest, *, child: bool) -> bool:
        """Say whether what a manifest refers to is here, and keep it from the collector.

        The child of an index is a manifest, or any blob: buildkit's registry cache is an index of
        layers, and Docker Distribution takes it.
        """
        for held in (self._revisions, self._layers) if child else (self._layers,):
            with suppress(BlobUnknownError, ManifestUnknownError):
                held.require(digest)
                return True
        return False

    def _find(self, digest: Digest) -> Manifest | None:
        try:
            return self._revisions.get(digest)
        except ManifestUnknownError:
            return None
