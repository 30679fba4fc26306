"""Falcon routing for repository names, which hold slashes.

The last components of a path tell the route, whatever stands before them is the name: a repository
may be called ``a/manifests/b``, but no route has one there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from falcon.routing import CompiledRouter, map_http_methods, set_default_responders

if TYPE_CHECKING:
    from collections.abc import Callable

    import falcon

#: All routes, as they stand in the spec.
BASE: Final = "/v2/"
CATALOG: Final = "/v2/_catalog"
TAGS: Final = "/v2/{name}/tags/list"
MANIFEST: Final = "/v2/{name}/manifests/{reference}"
BLOB: Final = "/v2/{name}/blobs/{digest}"
UPLOADS: Final = "/v2/{name}/blobs/uploads/"
UPLOAD: Final = "/v2/{name}/blobs/uploads/{upload}"
REFERRERS: Final = "/v2/{name}/referrers/{digest}"
#: For load balancers; the same whatever the prefix.
PROBE: Final = "/"
#: The base without its slash.
BARE_BASE: Final = "/v2"

_WITHOUT_FIELD: Final = {("tags", "list"): TAGS, ("blobs", "uploads"): UPLOADS}
_WITH_FIELD: Final = {
    "manifests": (MANIFEST, "reference"),
    "blobs": (BLOB, "digest"),
    "referrers": (REFERRERS, "digest"),
}

_Found = tuple[object, dict[str, Any], dict[str, Any], str | None]


class RegistryRouter(CompiledRouter):
    """Matches the registry's routes by their last components; has no others."""

    def __init__(self, prefix: str = "/") -> None:
        """Serve below *prefix*, which begins and ends with a slash."""
        super().__init__()
        self._prefix = prefix.rstrip("/")
        self._routes: dict[str, tuple[object, dict[str, Any]]] = {}

    def add_route(
        self,
        uri_template: str,
        resource: object,
        *,
        without: frozenset[str] = frozenset(),
        **_: Any,
    ) -> None:
        """Serve one of the templates above.

        Args:
            uri_template: which.
            resource: its ``on_get`` and so on answer.
            without: methods that are switched off: they answer 405, and ``Allow`` omits them.
        """
        methods: dict[str, Callable[..., Any]] = {
            method: responder
            for method, responder in map_http_methods(resource).items()
            if method not in without
        }
        set_default_responders(methods)
        self._routes[uri_template] = resource, methods

    def find(self, uri: str, req: falcon.Request | None = None) -> _Found | None:  # noqa: ARG002
        """Return what answers the path *uri*, or None."""
        if uri != PROBE and not uri.startswith(f"{self._prefix}/"):
            return None
        template, params = _match(uri.removeprefix(self._prefix))
        found = self._routes.get(template)
        return None if found is None else (*found, params, template)


def _match(path: str) -> tuple[str, dict[str, str]]:
    if path in {BASE, CATALOG, PROBE, BARE_BASE}:
        return path, {}
    head, _, last = path.removeprefix(BASE).rpartition("/")
    name, _, kind = head.rpartition("/")
    if not path.startswith(BASE) or not name:
        return "", {}
    if kind == "uploads" and name.endswith("/blobs"):
        name = name.removesuffix("/blobs")
        return (UPLOAD, {"name": name, "upload": last}) if last else (UPLOADS, {"name": name})
    if (kind, last) in _WITHOUT_FIELD:
        return _WITHOUT_FIELD[kind, last], {"name": name}
    template, field = _WITH_FIELD.get(kind, ("", ""))
    return template, {"name": name, field: last}
