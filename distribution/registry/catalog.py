"""``/v2/_catalog`` and ``/v2/<name>/tags/list``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import falcon

from distribution.errors import PaginationError
from distribution.registry.pages import next_link, parse_limit

if TYPE_CHECKING:
    from distribution.registry.site import Site

#: Entries in a page when the client does not say (Distribution's number).
_CATALOG_PAGE = 100


class CatalogResource:
    """List repositories."""

    def __init__(self, site: Site) -> None:
        """List those of *site*."""
        self._site = site

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send one page, in component-wise order."""
        limit = self._site.limits.catalog_entries
        count = parse_limit(req, min(_CATALOG_PAGE, limit))
        if count > limit:
            raise PaginationError(str(count), limit)
        page = self._site.namespace.repositories(count, req.get_param("last"))
        names = [str(name) for name in page.items]
        if page.more:
            resp.set_header("Link", next_link(req, last=names[-1], n=count))
        _send(resp, {"repositories": names})

    on_head = on_get


class TagsResource:
    """List the tags of a repository."""

    def __init__(self, site: Site) -> None:
        """List those of *site*'s repositories."""
        self._site = site

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Send one page, in lexical order."""
        limit = self._site.limits.tags
        count = min(parse_limit(req, limit), limit)
        page = self._site.repository(name).tags.page(count, req.get_param("last"))
        tags = [tag.text for tag in page.items]
        if page.more:
            resp.set_header("Link", next_link(req, last=tags[-1], n=count))
        _send(resp, {"name": name, "tags": tags})

    on_head = on_get


def _send(resp: falcon.Response, document: object) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = json.dumps(document).encode() + b"\n"
