"""All repositories of one store."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from distribution.errors import InvalidNameError, PathNotFoundError
from distribution.interfaces import Page
from distribution.reference import NAME_LIMIT, RepositoryName
from distribution.storage import layout
from distribution.storage.repository import StoredRepository
from distribution.storage.store import Store, StoreOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distribution.storage.drivers.base import StorageDriver

#: More components than any name has; what stands behind them in a text decides no comparison.
_DEPTH_LIMIT: Final = NAME_LIMIT // 2 + 2


class StoredNamespace:
    """Keeps `distribution.interfaces.Namespace` over a storage driver.

    >>> from distribution.storage.drivers.memory import MemoryDriver
    >>> namespace = StoredNamespace(MemoryDriver())
    >>> namespace.repositories(limit=10).items
    ()
    """

    def __init__(self, driver: StorageDriver, options: StoreOptions | None = None) -> None:
        """Serve what *driver* holds."""
        self._store = Store(driver, options)

    @property
    def driver(self) -> StorageDriver:
        """Where everything is kept."""
        return self._store.driver

    def repository(self, name: RepositoryName) -> StoredRepository:
        """Return the repository called *name*, which need not exist yet."""
        return StoredRepository(self._store, name)

    def repositories(self, limit: int, last: str | None = None) -> Page[RepositoryName]:
        """Return up to *limit* names in component-wise order, those beyond *last*.

        A repository is listed while it has a manifest.
        """
        found: list[RepositoryName] = []
        if limit == 0:
            return Page((), more=False)
        after = tuple(last.split("/"))[:_DEPTH_LIMIT] if last else ()
        for name in self._below(layout.REPOSITORIES, "", after):
            if len(found) == limit:
                return Page(tuple(found), more=True)
            found.append(name)
        return Page(tuple(found), more=False)

    def _below(self, folder: str, prefix: str, after: tuple[str, ...]) -> Iterator[RepositoryName]:
        """Walk repositories in pre-order: one sorts before those nested in it."""
        if after and _is_name(after[0]):
            yield from self._below(f"{folder}/{after[0]}", f"{prefix}{after[0]}/", after[1:])
        for child in self._names(folder, after[0] if after else None):
            if child.startswith("_"):
                continue
            path = f"{folder}/{child}"
            if self._has_manifest(path):
                with suppress(InvalidNameError):
                    yield RepositoryName.parse(prefix + child)
            yield from self._below(path, f"{prefix}{child}/", ())

    def _names(self, folder: str, after: str | None) -> Iterator[str]:
        try:
            return self._store.driver.list(folder, after)
        except PathNotFoundError:
            return iter(())

    def _has_manifest(self, repository: str) -> bool:
        revisions = f"{repository}/_manifests/revisions"
        for algorithm in self._names(revisions, None):
            for encoded in self._names(f"{revisions}/{algorithm}", None):
                with suppress(PathNotFoundError):
                    link = f"{revisions}/{algorithm}/{encoded}/{layout.LINK}"
                    if self._store.driver.stat(link).size > 0:
                        return True
        return False


def _is_name(component: str) -> bool:
    try:
        RepositoryName.parse(component)
    except InvalidNameError:
        return False
    return True
