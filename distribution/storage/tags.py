"""The tags of one repository."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from distribution.errors import (
    InvalidTagError,
    PathNotFoundError,
    RepositoryUnknownError,
    TagUnknownError,
)
from distribution.interfaces import Page
from distribution.reference import Tag
from distribution.storage import layout
from distribution.storage.revisions import Revisions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distribution.digest import Digest
    from distribution.reference import RepositoryName
    from distribution.storage.store import Store


class TagFolder:
    """Keeps `distribution.interfaces.Tags` for one repository."""

    def __init__(self, store: Store, name: RepositoryName) -> None:
        """Serve the tags of *name*."""
        self._store = store
        self._name = name
        self._revisions = Revisions(store, name)

    def get(self, tag: Tag) -> Digest:
        """Return the digest that *tag* points at.

        Raises:
            TagUnknownError: no such tag.
        """
        try:
            return self._store.links.read(layout.tag_current(self._name, tag))
        except PathNotFoundError as error:
            raise TagUnknownError(tag) from error

    def set(self, tag: Tag, digest: Digest) -> None:
        """Let *tag* point at a manifest of this repository. The guard must be held."""
        self._store.links.write(layout.tag_index(self._name, tag, digest), digest)
        self._store.links.write(layout.tag_current(self._name, tag), digest)

    def page(self, limit: int, last: str | None = None) -> Page[Tag]:
        """Return up to *limit* tags in lexical order, those beyond *last*.

        Raises:
            RepositoryUnknownError: this repository holds nothing.
        """
        if limit == 0:
            self._require_repository()
            return Page((), more=False)
        found: list[Tag] = []
        for tag in self._beyond(last):
            if len(found) == limit:
                return Page(tuple(found), more=True)
            found.append(tag)
        if not found:
            self._require_repository()
        return Page(tuple(found), more=False)

    def pointing_at(self, digest: Digest) -> Iterator[Tag]:
        """Return the tags that point at *digest*."""
        for tag in self._beyond(None):
            with suppress(TagUnknownError):
                if self.get(tag) == digest:
                    yield tag

    def delete(self, tag: Tag) -> None:
        """Delete *tag*; the manifest stays.

        Raises:
            TagUnknownError: no such tag.
        """
        with self._store.guard.exclusive():
            self.get(tag)
            self._store.driver.delete(layout.tag(self._name, tag))

    def delete_if(self, tag: Tag, digest: Digest) -> None:
        """Delete *tag* if it still points at *digest*. The guard must be held exclusive."""
        with suppress(TagUnknownError, PathNotFoundError):
            if self.get(tag) == digest:
                self._store.driver.delete(layout.tag(self._name, tag))

    def _beyond(self, last: str | None) -> Iterator[Tag]:
        """Return the tags whose manifest is still here."""
        try:
            names = self._store.driver.list(layout.tags(self._name), last)
        except PathNotFoundError:
            return
        hints = self._store.tag_hints.of(self._name)
        present: dict[Digest, bool] = {}
        for name in names:
            hinted = hints.get(name)
            if hinted is not None and self._is_present(hinted, present):
                yield Tag(name)
                continue
            with suppress(InvalidTagError, TagUnknownError):
                tag = Tag.parse(name)
                hints[name] = self.get(tag)
                if self._is_present(hints[name], present):
                    yield tag

    def _is_present(self, digest: Digest, present: dict[Digest, bool]) -> bool:
        """Say whether the manifest is here, asking storage once for each page."""
        found = present.get(digest)
        if found is None:
            found = present[digest] = self._revisions.has(digest)
        return found

    def _require_repository(self) -> None:
        try:
            self._store.driver.stat(layout.revisions(self._name))
        except PathNotFoundError as error:
            raise RepositoryUnknownError(self._name) from error
