"""What a process remembers of a store, and never believes without asking storage again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

if TYPE_CHECKING:
    from distribution.digest import Digest
    from distribution.manifest import Manifest
    from distribution.reference import RepositoryName

#: Tags remembered in all, by process; some 300 bytes each.
_TAGS_LIMIT: Final = 100_000

#: Repositories whose tags are remembered.
_REPOSITORIES_LIMIT: Final = 256


class ManifestCache:
    """Manifests by digest.

    The content is immutable, so an entry is never wrong; but it may be gone from storage, which
    whoever uses it must ask first.
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


class TagHints:
    """Where tags were last seen to point, by repository.

    Good for one thing: a tag that is still there, and once pointed at a manifest that is still
    there, need not be read again to be listed.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._entries: OrderedDict[RepositoryName, dict[str, Digest]] = OrderedDict()
        self._lock = Lock()

    def of(self, name: RepositoryName) -> dict[str, Digest]:
        """Return what is known of the tags of *name*, for the caller to use and add to."""
        with self._lock:
            if name not in self._entries:
                self._make_room()
                self._entries[name] = {}
            self._entries.move_to_end(name)
            return self._entries[name]

    def _make_room(self) -> None:
        while len(self._entries) >= _REPOSITORIES_LIMIT or self._count() > _TAGS_LIMIT:
            self._entries.popitem(last=False)

    def _count(self) -> int:
        return sum(len(tags) for tags in self._entries.values())
