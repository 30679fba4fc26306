"""What the resources of one registry share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distribution.reference import RepositoryName

if TYPE_CHECKING:
    from distribution.interfaces import Namespace, Repository
    from distribution.registry.state import StateTokens
    from distribution.registry.urls import Urls


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may cost."""

    manifest_bytes: int = 4 << 20
    """Size of a manifest, in bytes; the spec wants at least 4 MiB."""
    catalog_entries: int = 1000
    """Repositories in one page."""
    tags: int = 1000
    """Tags in one page."""
    referrers: int = 1000
    """Referrers in one page."""
    tag_parameters: int = 100
    """Tags that one manifest PUT may set."""
    waiting_seconds: float = 60.0
    """How long a client may neither send nor take anything."""


@dataclass(frozen=True, slots=True)
class Site:
    """A namespace, and how it is shown to the outside."""

    namespace: Namespace
    urls: Urls
    tokens: StateTokens
    limits: Limits
    minimum_chunk: int = 0
    """Bytes of an upload's pieces that the storage likes best, as clients are told."""

    def repository(self, name: str) -> Repository:
        """Return the repository that a path names.

        Raises:
            InvalidNameError: it is no repository name.
        """
        return self.namespace.repository(RepositoryName.parse(name))
