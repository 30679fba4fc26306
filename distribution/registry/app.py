"""Put the parts together: the only module that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import falcon

from distribution.errors import DistributionError
from distribution.registry import errors, router
from distribution.registry.base import BareBaseResource, BaseResource, ProbeResource
from distribution.registry.blobs import BlobResource
from distribution.registry.catalog import CatalogResource, TagsResource
from distribution.registry.manifests import ManifestResource
from distribution.registry.referrers import ReferrersResource
from distribution.registry.uploads import UploadResource, UploadsResource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distribution.registry.site import Site

_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DELETES: Final = frozenset({"DELETE"})
_NOTHING: Final[frozenset[str]] = frozenset()


class RegistryApp(falcon.App[falcon.Request, falcon.Response]):
    """A Falcon app that reads files in large pieces where the server cannot send them itself."""

    _STREAM_BLOCK_SIZE = 1 << 20


class _CommonHeaders:
    """Headers that every answer has."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = {"Docker-Distribution-API-Version": "registry/2.0", **headers}

    def process_response(
        self, _req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool
    ) -> None:
        resp.set_headers(self._headers)


def create_app(
    site: Site,
    *,
    deletes: bool = True,
    read_only: bool = False,
    headers: Mapping[str, str] | None = None,
) -> RegistryApp:
    """Build the WSGI application that serves *site*.

    Args:
        site: what is served, and how.
        deletes: whether blobs, manifests and tags can be deleted; sessions always can.
        read_only: whether nothing can be written at all.
        headers: added to every answer.
    """
    app = RegistryApp(
        router=router.RegistryRouter(site.urls.prefix), middleware=[_CommonHeaders(headers or {})]
    )
    app.add_error_handler(DistributionError, errors.render)
    app.add_error_handler(Exception, errors.render_bug)
    app.set_error_serializer(errors.render_http)
    # An answer without a body has no type; Falcon allows None here, its annotation does not.
    app.resp_options.default_media_type = None  # type: ignore[assignment]
    sessions = _WRITES if read_only else _NOTHING
    content = _WRITES if read_only else _NOTHING if deletes else _DELETES
    app.add_route(router.PROBE, ProbeResource())
    app.add_route(router.BARE_BASE, BareBaseResource())
    app.add_route(router.BASE, BaseResource())
    app.add_route(router.CATALOG, CatalogResource(site))
    app.add_route(router.TAGS, TagsResource(site))
    app.add_route(router.REFERRERS, ReferrersResource(site))
    app.add_route(router.MANIFEST, ManifestResource(site), without=content)
    app.add_route(router.BLOB, BlobResource(site), without=content)
    app.add_route(router.UPLOADS, UploadsResource(site), without=sessions)
    app.add_route(router.UPLOAD, UploadResource(site), without=sessions)
    return app
