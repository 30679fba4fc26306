"""What an operator demands of manifests beyond their format (Distribution's ``validation``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from distribution import mediatypes
from distribution.errors import ManifestInvalidError

if TYPE_CHECKING:
    import re

    from distribution.manifest import Descriptor, Manifest

#: Characters; longer ones are refused before any pattern of the operator's sees them.
_URL_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class ManifestRules:
    """Which references must be present, and which URLs a layer may name."""

    allow_urls: tuple[re.Pattern[str], ...] = ()
    """If any, a layer's URLs must match one of them."""
    deny_urls: tuple[re.Pattern[str], ...] = ()
    """A layer's URLs must match none of them."""
    platforms: Literal["all", "none", "list"] = "all"
    """Which children of an index must be present."""
    platform_list: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Pairs of operating system and architecture, for ``list``."""
    layers: Literal["all", "none"] = "all"
    """Which layers of an image must be present; its config always must."""

    def required(self, manifest: Manifest) -> list[Descriptor]:
        """Return the references that must be present for *manifest* to be accepted.

        Raises:
            ManifestInvalidError: a layer names a URL that is not allowed.
        """
        references = manifest.references()
        if manifest.is_index:
            return [child for child in references if self._wants_child(child)]
        for layer in references[1:]:
            self._check_urls(layer)
        layers = references[1:] if self.layers == "all" else ()
        stored = [each for each in layers if each.media_type not in mediatypes.NON_DISTRIBUTABLE]
        return [*references[:1], *stored]

    def _wants_child(self, child: Descriptor) -> bool:
        if self.platforms != "list":
            return self.platforms == "all"
        platform = child.platform
        return platform is None or (platform.os, platform.architecture) in self.platform_list

    def _check_urls(self, layer: Descriptor) -> None:
        for url in layer.urls:
            if not self._is_allowed(url):
                raise ManifestInvalidError(f"layer {layer.digest} names a refused URL")

    def _is_allowed(self, url: str) -> bool:
        if len(url) > _URL_LIMIT or not _is_web_url(url):
            return False
        if self.allow_urls and not any(pattern.search(url) for pattern in self.allow_urls):
            return False
        return not any(pattern.search(url) for pattern in self.deny_urls)


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not parts.fragment
