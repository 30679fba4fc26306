"""``/v2/<name>/referrers/<digest>``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from distribution import mediatypes
from distribution.digest import Digest
from distribution.registry.pages import next_link, parse_limit

if TYPE_CHECKING:
    import falcon

    from distribution.registry.site import Site


class ReferrersResource:
    """List the manifests that refer to another one."""

    def __init__(self, site: Site) -> None:
        """List those of *site*'s repositories."""
        self._site = site

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str, digest: str) -> None:
        """Send one page as an image index; an empty one where nothing refers to it."""
        repository = self._site.repository(name)
        subject = Digest.parse(digest)
        artifact_type = req.get_param("artifactType") or None
        limit = self._site.limits.referrers
        count = max(1, min(parse_limit(req, limit), limit))
        page = repository.referrers.page(
            subject, artifact_type, limit=count, last=req.get_param("last")
        )
        if artifact_type is not None:
            resp.set_header("OCI-Filters-Applied", "artifactType")
        if page.more:
            following = next_link(req, artifactType=artifact_type, last=page.last, n=count)
            resp.set_header("Link", following)
        index = {
            "schemaVersion": 2,
            "mediaType": mediatypes.OCI_INDEX,
            "manifests": list(page.items),
        }
        resp.content_type = mediatypes.OCI_INDEX
        resp.data = json.dumps(index).encode()

    on_head = on_get
