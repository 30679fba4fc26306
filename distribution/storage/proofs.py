"""Names found sound once, remembered for as long as storage itself proves nothing changed.

To list a page of tags means to ask of each whether its manifest is still here. Manifests leave a
repository by their folder's entry, which gives the folder above it a new version; while that is
unchanged, and old enough that a change could not hide within the clock's resolution, what was
sound is sound. Where a driver has no versions of folders, every name is checked every time.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from distribution.errors import PathNotFoundError

if TYPE_CHECKING:
    from distribution.storage.drivers.base import StorageDriver

#: Names remembered in all, by process; some 100 bytes each.
_NAMES_LIMIT: Final = 200_000

#: Folders remembered, by process.
_FOLDERS_LIMIT: Final = 256

#: Far above the resolution of any clock that stamps files.
_SETTLED: Final = timedelta(seconds=3)

_Versions = tuple[str, ...]


class Proofs:
    """Sets of sound names by the folder that they are listed in."""

    def __init__(self, driver: StorageDriver) -> None:
        """Ask *driver* for versions."""
        self._driver = driver
        self._kept: OrderedDict[str, tuple[_Versions, set[str]]] = OrderedDict()
        self._lock = Lock()

    def sound(self, folder: str, parent: str) -> set[str]:
        """Return the set of names in *folder* known to be sound, for the caller to add to.

        Args:
            folder: what the names are listed in.
            parent: the folder whose children's entries decide: ``revisions``, above its algorithms.
        """
        versions = self._versions(parent)
        if versions is None:
            return set()
        with self._lock:
            kept = self._kept.get(folder)
            if kept is None or kept[0] != versions:
                self._make_room()
                kept = self._kept[folder] = (versions, set())
            self._kept.move_to_end(folder)
            return kept[1]

    def _make_room(self) -> None:
        while len(self._kept) >= _FOLDERS_LIMIT or self._count() > _NAMES_LIMIT:
            self._kept.popitem(last=False)

    def _count(self) -> int:
        return sum(len(names) for _, names in self._kept.values())

    def _versions(self, parent: str) -> _Versions | None:
        """Return what proves that nothing left *parent*'s children, or None if nothing does."""
        now = datetime.now(UTC)
        try:
            children = [f"{parent}/{name}" for name in self._driver.list(parent)]
            found = [self._driver.stat(path) for path in (parent, *children)]
        except PathNotFoundError:
            return None
        if any(not each.version or now - each.modified < _SETTLED for each in found):
            return None
        return tuple(each.version for each in found)
