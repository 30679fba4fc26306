"""``/v2/<name>/blobs/<digest>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from distribution import mediatypes
from distribution.digest import Digest
from distribution.registry import body
from distribution.registry.conditions import entity_tag, is_unchanged, range_applies
from distribution.registry.parts import multipart, part_stream, read_part
from distribution.registry.ranges import ByteRange, parse_range

if TYPE_CHECKING:
    from distribution.interfaces import Blob
    from distribution.registry.site import Site

#: What a digest names never changes.
_CACHE_CONTROL = "max-age=31536000"

#: Bytes up to which reading costs less than letting the system send the file.
_SMALL_BYTES = 64 << 10


class BlobResource:
    """Serve blobs, whole or in parts."""

    def __init__(self, site: Site) -> None:
        """Serve those of *site*'s repositories."""
        self._site = site

    def on_head(self, req: falcon.Request, resp: falcon.Response, name: str, digest: str) -> None:
        """Describe a blob to a client that may rely on it."""
        wanted = Digest.parse(digest)
        info = self._site.repository(name).blobs.stat(wanted)
        if not _describe(req, resp, wanted):
            resp.content_length = info.size

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str, digest: str) -> None:
        """Send a blob, or the parts of it that ``Range`` names."""
        wanted = Digest.parse(digest)
        blob = self._site.repository(name).blobs.get(wanted)
        size = blob.info.size
        if _describe(req, resp, wanted):
            return
        body.limit_waiting(req, self._site.limits.waiting_seconds)
        header = req.get_header("Range")
        parts = parse_range(header, size) if header and range_applies(req, wanted) else ()
        match parts:
            case ():
                self._send(req, resp, blob, ByteRange(0, size))
            case (part,):
                resp.status = falcon.HTTP_206
                resp.set_header("Content-Range", part.header(size))
                self._send(req, resp, blob, part)
            case _:
                resp.status = falcon.HTTP_206
                resp.content_type, resp.content_length, resp.stream = multipart(blob, parts)

    def on_delete(
        self, _req: falcon.Request, resp: falcon.Response, name: str, digest: str
    ) -> None:
        """Unlink a blob from the repository."""
        self._site.repository(name).blobs.delete(Digest.parse(digest))
        resp.status = falcon.HTTP_202

    def _send(
        self, req: falcon.Request, resp: falcon.Response, blob: Blob, part: ByteRange
    ) -> None:
        resp.content_length = len(part)
        if len(part) <= _SMALL_BYTES:
            resp.data = read_part(blob, part)
        else:
            resp.stream = part_stream(req, blob, part)


def _describe(req: falcon.Request, resp: falcon.Response, digest: Digest) -> bool:
    """Write the headers that every answer has; say whether the client has the blob already."""
    resp.set_headers(
        {
            "Docker-Content-Digest": str(digest),
            "ETag": entity_tag(digest),
            "Cache-Control": _CACHE_CONTROL,
            "Accept-Ranges": "bytes",
        }
    )
    if is_unchanged(req, digest):
        resp.status = falcon.HTTP_304
        return True
    resp.content_type = mediatypes.OCTET_STREAM
    return False
