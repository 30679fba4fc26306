"""``/v2/``, and the two addresses beside it that are asked for."""

from __future__ import annotations

import falcon


class BaseResource:
    """Say that this is a registry."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with an empty object, two bytes long as everywhere."""
        resp.content_type = falcon.MEDIA_JSON
        resp.data = b"{}"

    on_head = on_get


class BareBaseResource:
    """Lead from ``/v2`` to ``/v2/``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Redirect."""
        resp.status = falcon.HTTP_301
        resp.set_header("Location", f"{req.root_path}{req.path}/")

    on_head = on_get


class ProbeResource:
    """Tell a load balancer that somebody is here."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with nothing."""
        resp.set_header("Cache-Control", "no-cache")

    on_head = on_get
