"""The manifests that name another one as their subject.

Source: OCI distribution spec, "Listing Referrers". Kept as links of ours below ``_referrers``. A
registry that had no such list was helped by its clients with a fall-back tag, an index called
``<alg>-<hex>``; what such a tag lists is folded in.
"""

from __future__ import annotations

import heapq
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from distribution.digest import Digest
from distribution.errors import (
    InvalidDigestError,
    ManifestUnknownError,
    PathNotFoundError,
)
from distribution.interfaces import Page
from distribution.reference import Tag
from distribution.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distribution.manifest import Manifest
    from distribution.reference import RepositoryName
    from distribution.storage.revisions import Revisions
    from distribution.storage.store import Store
    from distribution.storage.tags import TagFolder

#: Bytes of descriptors in one page: the list stays within what clients accept as a manifest.
_PAGE_BYTES: Final = 3 << 20

#: A fall-back tag's parts are cut to fit a tag ("Referrers Tag Schema").
_ALGORITHM_LIMIT: Final = 32
_ENCODED_LIMIT: Final = 64


class ReferrersIndex:
    """Keeps `distribution.interfaces.Referrers` for one repository."""

    def __init__(
        self, store: Store, name: RepositoryName, revisions: Revisions, tags: TagFolder
    ) -> None:
        """Serve the referrers among *revisions*."""
        self._store = store
        self._name = name
        self._revisions = revisions
        self._tags = tags

    def page(
        self,
        subject: Digest,
        artifact_type: str | None = None,
        *,
        limit: int,
        last: str | None = None,
    ) -> Page[dict[str, Any]]:
        """Return up to *limit* descriptors of manifests that refer to *subject*, by digest.

        Args:
            subject: need not exist.
            artifact_type: only referrers of this type.
            limit: at least 1.
            last: only digests beyond this one.
        """
        found: list[dict[str, Any]] = []
        room = _PAGE_BYTES
        for manifest in self._beyond(subject, last):
            if artifact_type not in {None, manifest.artifact_type}:
                continue
            room -= len(manifest.raw)
            if found and (len(found) == limit or room < 0):
                return Page(tuple(found), more=True, last=found[-1]["digest"])
            found.append(manifest.descriptor())
        return Page(tuple(found), more=False)

    def add(self, manifest: Manifest) -> None:
        """Note what *manifest* refers to, if anything. The guard must be held."""
        if manifest.subject is not None:
            folder = layout.referrer(self._name, manifest.subject.digest, manifest.digest)
            self._store.links.write(layout.in_folder(folder), manifest.digest)

    def remove(self, manifest: Manifest) -> None:
        """Forget what *manifest* refers to. The guard must be held exclusive."""
        if manifest.subject is not None:
            with suppress(PathNotFoundError):
                self._store.driver.delete(
                    layout.referrer(self._name, manifest.subject.digest, manifest.digest)
                )

    def _beyond(self, subject: Digest, last: str | None) -> Iterator[Manifest]:
        previous: Digest | None = None
        for digest in heapq.merge(
            self._indexed(subject, last), self._tagged(subject, last), key=str
        ):
            if digest == previous:
                continue
            previous = digest
            with suppress(ManifestUnknownError):
                manifest = self._revisions.get(digest)
                if manifest.subject is not None and manifest.subject.digest == subject:
                    yield manifest

    def _indexed(self, subject: Digest, last: str | None) -> Iterator[Digest]:
        folder = layout.referrers(self._name, subject)
        first, _, rest = (last or "").partition(":")
        for algorithm in self._names(folder, None):
            if algorithm >= first:
                after = rest if algorithm == first else None
                for encoded in self._names(f"{folder}/{algorithm}", after):
                    with suppress(InvalidDigestError):
                        yield Digest.parse(f"{algorithm}:{encoded}")

    def _tagged(self, subject: Digest, last: str | None) -> Iterator[Digest]:
        tag = Tag(f"{subject.algorithm[:_ALGORITHM_LIMIT]}-{subject.hex[:_ENCODED_LIMIT]}")
        try:
            listed = self._revisions.get(self._tags.get(tag))
        except ManifestUnknownError:
            return
        if listed.is_index:
            digests = {each.digest for each in listed.references()}
            yield from (d for d in sorted(digests, key=str) if last is None or str(d) > last)

    def _names(self, folder: str, after: str | None) -> Iterator[str]:
        try:
            return self._store.driver.list(folder, after)
        except PathNotFoundError:
            return iter(())
