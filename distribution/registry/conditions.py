"""Conditional requests on content that is named by its digest (RFC 9110, 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import falcon

    from distribution.digest import Digest


def entity_tag(digest: Digest) -> str:
    """Return the ``ETag`` of content with this digest."""
    return f'"{digest}"'


def is_unchanged(req: falcon.Request, digest: Digest) -> bool:
    """Say whether ``If-None-Match`` names this content: quoted, bare, weak, in a list, or ``*``."""
    header = req.get_header("If-None-Match")
    if header is None:
        return False
    named = {each.strip().removeprefix("W/").strip('"') for each in header.split(",")}
    return str(digest) in named or "*" in named


def range_applies(req: falcon.Request, digest: Digest) -> bool:
    """Say whether ``If-Range`` lets a ``Range`` count; a date never does, content has none here."""
    header = req.get_header("If-Range")
    return header is None or header.strip() == entity_tag(digest)
