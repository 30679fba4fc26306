"""Addresses of this registry as its clients must see them, proxies in between or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    import falcon

    from distribution.digest import Digest

#: A host in a header, which anybody may forge: no more than a name or an address, and a port.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Urls:
    """Builds the ``Location`` of what a request made."""

    prefix: str = "/"
    """What stands before ``v2/``; begins and ends with a slash."""
    host: str = ""
    """Scheme and host that clients use, such as ``https://registry.example``; "" to tell from the
    request."""
    relative: bool = False
    """Leave scheme and host out."""

    def blob(self, req: falcon.Request, name: str, digest: Digest) -> str:
        """Return a blob's address."""
        return self._url(req, f"{name}/blobs/{digest}")

    def manifest(self, req: falcon.Request, name: str, digest: Digest) -> str:
        """Return a manifest's address."""
        return self._url(req, f"{name}/manifests/{digest}")

    def upload(self, req: falcon.Request, name: str, upload: str, state: str) -> str:
        """Return an upload session's address, with the state that its next request shows."""
        return self._url(req, f"{name}/blobs/uploads/{upload}?_state={quote(state, safe='')}")

    def _url(self, req: falcon.Request, rest: str) -> str:
        path = f"{req.root_path}{self.prefix}v2/{rest}"
        if self.relative:
            return path
        return f"{self.host.rstrip('/') or _origin(req)}{path}"


def _origin(req: falcon.Request) -> str:
    """Return scheme and host as the outermost proxy saw them; "" if they are not to be trusted."""
    scheme, host = _forwarded(req)
    scheme = scheme or req.scheme
    host = host or req.get_header("Host") or ""
    if scheme.lower() not in _SCHEMES or _HOST.fullmatch(host) is None:
        return ""
    return f"{scheme.lower()}://{host}"


def _forwarded(req: falcon.Request) -> tuple[str, str]:
    if req.get_header("Forwarded"):  # RFC 7239; the first element is the outermost proxy
        hops = req.forwarded or []
        return (hops[0].scheme or "", hops[0].host or "") if hops else ("", "")
    return (
        _first(req.get_header("X-Forwarded-Proto")),
        _first(req.get_header("X-Forwarded-Host")),
    )


def _first(header: str | None) -> str:
    return (header or "").partition(",")[0].strip()
