"""``/v2/<name>/blobs/uploads/`` and ``/v2/<name>/blobs/uploads/<id>``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import falcon

from distribution.digest import HEX_LENGTH, Digest
from distribution.errors import (
    BlobUnknownError,
    DriverError,
    InvalidDigestError,
    UploadRangeError,
    UploadUnknownError,
)
from distribution.reference import RepositoryName
from distribution.registry import body
from distribution.registry.ranges import parse_content_range

if TYPE_CHECKING:
    from distribution.interfaces import Repository, Upload, UploadStatus
    from distribution.registry.site import Site


class UploadsResource:
    """Begin an upload, or make it needless."""

    def __init__(self, site: Site) -> None:
        """Receive for *site*'s repositories."""
        self._site = site

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Mount a blob, take a whole one in this request, or open a session."""
        repository = self._site.repository(name)
        mounted = self._mount(req, repository)
        if mounted is not None:
            _created(self._site, req, resp, name, mounted)
        elif digest := req.get_param("digest"):
            self._take_whole(req, resp, repository, Digest.parse(digest))
        else:
            status = repository.uploads.start(_algorithm(req))
            resp.status = falcon.HTTP_202
            _locate(self._site, req, resp, name, status)

    def _mount(self, req: falcon.Request, repository: Repository) -> Digest | None:
        text = req.get_param("mount")
        if not text:
            return None
        digest = Digest.parse(text)
        source = req.get_param("from")
        try:
            if source:
                repository.blobs.mount(digest, RepositoryName.parse(source))
            else:
                repository.blobs.mount_from_any(digest, lambda _name: True)
        except BlobUnknownError:
            return None
        return digest

    def _take_whole(
        self, req: falcon.Request, resp: falcon.Response, repository: Repository, digest: Digest
    ) -> None:
        body.limit_waiting(req, self._site.limits.waiting_seconds)
        status = repository.uploads.start(digest.algorithm)
        with repository.uploads.resume(status.id) as upload:
            try:
                for chunk in body.chunks(req):
                    upload.write(chunk)
                upload.commit(digest)
            except BaseException:
                # Nobody was told the session's name, so nobody can go on with it.
                _discard(repository, upload)
                raise
        _created(self._site, req, resp, str(repository.name), digest)


class UploadResource:
    """Go on with an upload."""

    def __init__(self, site: Site) -> None:
        """Receive for *site*'s repositories."""
        self._site = site

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str, upload: str) -> None:
        """Tell where a session stands."""
        repository = self._site.repository(name)
        self._state_offset(req, name, upload)
        status = repository.uploads.status(upload)
        resp.status = falcon.HTTP_204
        _locate(self._site, req, resp, name, status)

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, name: str, upload: str) -> None:
        """Append the body to a session."""
        repository = self._site.repository(name)
        with self._open(req, repository, name, upload) as opened:
            self._append(req, opened)
            status = opened.suspend()
        resp.status = falcon.HTTP_202
        _locate(self._site, req, resp, name, status)

    def on_put(self, req: falcon.Request, resp: falcon.Response, name: str, upload: str) -> None:
        """Append the body, if any, and make the whole a blob."""
        repository = self._site.repository(name)
        digest = Digest.parse(req.get_param("digest") or "")
        with self._open(req, repository, name, upload) as opened:
            opened.expect(digest)
            self._append(req, opened)
            opened.commit(digest)
        _created(self._site, req, resp, name, digest)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, name: str, upload: str) -> None:
        """Discard a session."""
        repository = self._site.repository(name)
        self._state_offset(req, name, upload)
        repository.uploads.cancel(upload)
        resp.status = falcon.HTTP_204

    def _open(self, req: falcon.Request, repository: Repository, name: str, upload: str) -> Upload:
        """Open a session for the bytes that this request says it brings."""
        expected = self._state_offset(req, name, upload)
        header = req.get_header("Content-Range")
        start = None if header is None else parse_content_range(header).start
        opened = repository.uploads.resume(upload, at=start)
        if expected not in {None, opened.offset}:
            with opened:
                raise UploadRangeError(upload, opened.offset)
        return opened

    def _append(self, req: falcon.Request, upload: Upload) -> None:
        body.limit_waiting(req, self._site.limits.waiting_seconds)
        header = req.get_header("Content-Range")
        expected = None if header is None else len(parse_content_range(header))
        for chunk in body.chunks(req, expected):
            upload.write(chunk)

    def _state_offset(self, req: falcon.Request, name: str, upload: str) -> int | None:
        token = req.get_param("_state")
        return self._site.tokens.offset(token, name, upload) if token else None


def _algorithm(req: falcon.Request) -> str | None:
    hint = req.get_param("digest-algorithm")
    if hint and hint not in HEX_LENGTH:
        raise InvalidDigestError(hint)
    return hint or None


def _discard(repository: Repository, upload: Upload) -> None:
    if not upload.ended:
        upload.cancel()
        return
    with suppress(UploadUnknownError, DriverError):  # storage failed, and may fail again
        repository.uploads.cancel(upload.id)


def _locate(
    site: Site, req: falcon.Request, resp: falcon.Response, name: str, status: UploadStatus
) -> None:
    state = site.tokens.issue(name, status)
    resp.set_header("Location", site.urls.upload(req, name, status.id, state))
    resp.set_header("Docker-Upload-UUID", status.id)
    resp.set_header("Range", f"0-{max(status.offset - 1, 0)}")
    if site.minimum_chunk:
        resp.set_header("OCI-Chunk-Min-Length", str(site.minimum_chunk))


def _created(
    site: Site, req: falcon.Request, resp: falcon.Response, name: str, digest: Digest
) -> None:
    resp.status = falcon.HTTP_201
    resp.set_header("Location", site.urls.blob(req, name, digest))
    resp.set_header("Docker-Content-Digest", str(digest))
