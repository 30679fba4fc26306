"""Sorted names of large folders, remembered for as long as the folder's own time proves them.

A page of a folder with 100 000 names should cost the page, not the folder. The system gives names
unsorted, so the sorted list is kept, and used while the folder's modification time is the one the
list was read at. A time so recent that a change could hide within its resolution proves nothing
("racy git"), so such a list is not kept.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Folders with fewer names are read each time.
_WORTH_KEEPING: Final = 128

#: Names kept in all, per process; some 60 bytes each.
_NAMES_LIMIT: Final = 500_000

#: Nanoseconds; far above the resolution of any file system's times in use.
_SETTLED_NS: Final = 3_000_000_000

_Stamp = tuple[int, int, int]


class Listings:
    """The names in folders, sorted."""

    def __init__(self, read: Callable[[str], list[str]]) -> None:
        """Read folders by *read*, which returns sorted names."""
        self._read = read
        self._kept: OrderedDict[str, tuple[_Stamp, list[str]]] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    def names(self, folder: str, after: str | None) -> Iterator[str]:
        """Return the names in *folder* beyond *after*.

        Raises:
            OSError: the folder cannot be read.
        """
        names = self._sorted(folder)
        start = 0 if after is None else bisect_right(names, after)
        return iter(names) if start == 0 else (names[i] for i in range(start, len(names)))

    def _sorted(self, folder: str) -> list[str]:
        kept = self._kept.get(folder)
        if kept is None:
            return self._fresh(folder)
        if kept[0] == _stamp(os.stat(folder)):  # noqa: PTH116
            return kept[1]
        self._drop(folder)
        return self._fresh(folder)

    def _fresh(self, folder: str) -> list[str]:
        before = os.stat(folder)  # noqa: PTH116
        names = self._read(folder)
        settled = time.time_ns() - before.st_mtime_ns > _SETTLED_NS
        if settled and len(names) >= _WORTH_KEEPING:
            self._keep(folder, _stamp(before), names)
        return names

    def _keep(self, folder: str, stamp: _Stamp, names: list[str]) -> None:
        self._drop(folder)
        with self._lock:
            self._kept[folder] = stamp, names
            self._count += len(names)
            while self._count > _NAMES_LIMIT and self._kept:
                self._count -= len(self._kept.popitem(last=False)[1][1])

    def _drop(self, folder: str) -> None:
        with self._lock:
            kept = self._kept.pop(folder, None)
            if kept is not None:
                self._count -= len(kept[1])


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns
