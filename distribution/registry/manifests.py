"""``/v2/<name>/manifests/<reference>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from distribution import mediatypes
from distribution.digest import CANONICAL, Digest
from distribution.errors import DigestMismatchError, ManifestTooLargeError, TooManyTagsError
from distribution.manifest import Manifest
from distribution.reference import Tag, parse_tag_or_digest
from distribution.registry import body
from distribution.registry.conditions import entity_tag, is_unchanged

if TYPE_CHECKING:
    from distribution.registry.site import Site


class ManifestResource:
    """Serve manifests as they are stored, whatever ``Accept`` says."""

    def __init__(self, site: Site) -> None:
        """Serve those of *site*'s repositories."""
        self._site = site

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str, reference: str) -> None:
        """Send a manifest."""
        manifests = self._site.repository(name).manifests
        manifest = manifests.get(parse_tag_or_digest(reference))
        _describe(req, resp, manifest)
        resp.data = None if resp.status == falcon.HTTP_304 else manifest.raw

    def on_head(
        self, req: falcon.Request, resp: falcon.Response, name: str, reference: str
    ) -> None:
        """Describe a manifest, having made sure that it can be sent."""
        manifests = self._site.repository(name).manifests
        manifest = manifests.stat(parse_tag_or_digest(reference))
        _describe(req, resp, manifest)
        resp.content_length = len(manifest.raw)

    def on_put(self, req: falcon.Request, resp: falcon.Response, name: str, reference: str) -> None:
        """Store a manifest under its digest, and under the tags that the request names."""
        repository = self._site.repository(name)
        target = parse_tag_or_digest(reference)
        tags = self._tags(req, target)
        raw = self._read(req)
        content_type = mediatypes.strip_parameters(req.content_type or "") or None
        algorithm = target.algorithm if isinstance(target, Digest) else CANONICAL
        if isinstance(target, Digest) and not target.matches(raw):
            raise DigestMismatchError(target, Digest.of(raw, algorithm))
        manifest = Manifest.parse(raw, content_type, algorithm)
        repository.manifests.put(manifest, tags)
        resp.status = falcon.HTTP_201
        resp.set_header("Location", self._site.urls.manifest(req, name, manifest.digest))
        resp.set_header("Docker-Content-Digest", str(manifest.digest))
        if manifest.subject is not None:
            resp.set_header("OCI-Subject", str(manifest.subject.digest))
        if isinstance(target, Digest) and tags:
            resp.set_header("OCI-Tag", ", ".join(tag.text for tag in tags))

    def on_delete(
        self, _req: falcon.Request, resp: falcon.Response, name: str, reference: str
    ) -> None:
        """Delete a manifest with its tags, or one tag alone."""
        repository = self._site.repository(name)
        target = parse_tag_or_digest(reference)
        if isinstance(target, Tag):
            repository.tags.delete(target)
        else:
            repository.manifests.delete(target)
        resp.status = falcon.HTTP_202

    def _tags(self, req: falcon.Request, target: Tag | Digest) -> list[Tag]:
        if isinstance(target, Tag):
            return [target]
        named = req.get_param_as_list("tag") or []
        if len(named) > self._site.limits.tag_parameters:
            raise TooManyTagsError(self._site.limits.tag_parameters)
        return [Tag.parse(text) for text in dict.fromkeys(named)]

    def _read(self, req: falcon.Request) -> bytes:
        limit = self._site.limits.manifest_bytes
        if (body.declared_length(req) or 0) > limit:
            raise ManifestTooLargeError(limit)
        body.limit_waiting(req, self._site.limits.waiting_seconds)
        raw = b""
        for chunk in body.chunks(req):
            raw += chunk
            if len(raw) > limit:  # CVE-2017-11468: a chunked body has no length to look at
                raise ManifestTooLargeError(limit)
        return raw


def _describe(req: falcon.Request, resp: falcon.Response, manifest: Manifest) -> None:
    resp.set_header("Docker-Content-Digest", str(manifest.digest))
    resp.set_header("ETag", entity_tag(manifest.digest))
    if is_unchanged(req, manifest.digest):
        resp.status = falcon.HTTP_304
    else:
        resp.content_type = manifest.media_type
