"""The one table from what the library raises to what the spec says to answer."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

import falcon

from distribution import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

#: Status and code by kind of error; the nearest base that stands here counts.
RESPONSES: Final[Mapping[type[errors.DistributionError], tuple[str, str]]] = {
    errors.InvalidDigestError: (falcon.HTTP_400, "DIGEST_INVALID"),
    errors.InvalidNameError: (falcon.HTTP_400, "NAME_INVALID"),
    errors.InvalidTagError: (falcon.HTTP_400, "TAG_INVALID"),
    errors.InvalidReferenceError: (falcon.HTTP_400, "NAME_INVALID"),
    errors.PaginationError: (falcon.HTTP_400, "PAGINATION_NUMBER_INVALID"),
    errors.ConfigurationError: (falcon.HTTP_503, "UNAVAILABLE"),
    errors.ManifestInvalidError: (falcon.HTTP_400, "MANIFEST_INVALID"),
    errors.ManifestTooLargeError: (falcon.HTTP_413, "MANIFEST_INVALID"),
    errors.ManifestReferencesUnknownError: (falcon.HTTP_400, "MANIFEST_BLOB_UNKNOWN"),
    errors.DigestMismatchError: (falcon.HTTP_400, "DIGEST_INVALID"),
    errors.SizeMismatchError: (falcon.HTTP_400, "SIZE_INVALID"),
    errors.RepositoryUnknownError: (falcon.HTTP_404, "NAME_UNKNOWN"),
    errors.BlobUnknownError: (falcon.HTTP_404, "BLOB_UNKNOWN"),
    errors.ManifestUnknownError: (falcon.HTTP_404, "MANIFEST_UNKNOWN"),
    errors.UploadUnknownError: (falcon.HTTP_404, "BLOB_UPLOAD_UNKNOWN"),
    errors.UploadStateError: (falcon.HTTP_404, "BLOB_UPLOAD_INVALID"),
    errors.UploadRangeError: (falcon.HTTP_416, "RANGE_INVALID"),
    errors.UploadBusyError: (falcon.HTTP_409, "BLOB_UPLOAD_INVALID"),
    errors.InvalidRangeError: (falcon.HTTP_416, "RANGE_INVALID"),
    errors.RangeNotSatisfiableError: (falcon.HTTP_416, "RANGE_INVALID"),
    errors.TooManyTagsError: (falcon.HTTP_414, "TAG_INVALID"),
    errors.UnsupportedError: (falcon.HTTP_405, "UNSUPPORTED"),
    errors.ClientGoneError: (falcon.HTTP_408, "BLOB_UPLOAD_INVALID"),
    errors.MalformedBodyError: (falcon.HTTP_400, "SIZE_INVALID"),
    errors.DriverError: (falcon.HTTP_503, "UNAVAILABLE"),
}

#: What the codes mean to a person (OCI distribution spec, "Error Codes").
MESSAGES: Final = {
    "BLOB_UNKNOWN": "blob unknown to registry",
    "BLOB_UPLOAD_INVALID": "blob upload invalid",
    "BLOB_UPLOAD_UNKNOWN": "blob upload unknown to registry",
    "DIGEST_INVALID": "provided digest did not match uploaded content",
    "MANIFEST_BLOB_UNKNOWN": "manifest references a manifest or blob unknown to registry",
    "MANIFEST_INVALID": "manifest invalid",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_INVALID": "invalid repository name",
    "NAME_UNKNOWN": "repository name not known to registry",
    "PAGINATION_NUMBER_INVALID": "invalid number of results requested",
    "RANGE_INVALID": "invalid content range",
    "SIZE_INVALID": "provided length did not match content length",
    "TAG_INVALID": "invalid tag name",
    "UNAVAILABLE": "service unavailable",
    "UNKNOWN": "unknown error",
    "UNSUPPORTED": "the operation is unsupported",
}

_HTTP_CODES: Final = {404: "NAME_UNKNOWN", 405: "UNSUPPORTED"}


def answer(kind: type[errors.DistributionError]) -> tuple[str, str]:
    """Return the HTTP status and spec code for *kind* or its nearest base."""
    return next(RESPONSES[base] for base in kind.__mro__ if base in RESPONSES)


def render(
    req: falcon.Request,
    resp: falcon.Response,
    error: errors.DistributionError,
    _params: dict[str, Any],
) -> None:
    """Answer *error* with the spec's body."""
    resp.status, code = answer(type(error))
    match error:
        case errors.ManifestReferencesUnknownError():
            details = [{"digest": str(digest)} for digest in error.digests]
        case errors.DriverError():
            # What the backend said is for the operator.
            trace = error if _log.isEnabledFor(logging.DEBUG) else None
            _log.error("%s %s: %s", req.method, req.path, error, exc_info=trace)
            resp.set_header("Retry-After", "5")
            details = []
        case errors.RangeNotSatisfiableError():
            resp.set_header("Content-Range", f"bytes */{error.size}")
            details = [{"reason": str(error)}]
        case errors.UploadRangeError():
            resp.set_header("Range", f"0-{max(error.offset - 1, 0)}")
            resp.set_header("Docker-Upload-UUID", error.upload)
            details = [{"reason": str(error)}]
        case _:
            details = [{"reason": str(error)}]
    _write(resp, code, details)


def render_http(_req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Give Falcon's own errors (no such route, no such method) the spec's body."""
    details = [{"reason": error.description or error.title}]
    _write(resp, _HTTP_CODES.get(error.status_code, "UNKNOWN"), details)


def render_bug(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]
) -> None:
    """Log what nobody foresaw; tell the client nothing of it."""
    _log.error("%s %s failed", req.method, req.path, exc_info=error)
    resp.status = falcon.HTTP_500
    _write(resp, "UNKNOWN", [])


def _write(resp: falcon.Response, code: str, details: list[dict[str, Any]]) -> None:
    entries: list[dict[str, Any]] = [{"code": code, "message": MESSAGES[code]} for _ in details]
    for entry, detail in zip(entries, details, strict=True):
        entry["detail"] = detail
    body = {"errors": entries or [{"code": code, "message": MESSAGES[code]}]}
    resp.stream = None
    resp.content_type = falcon.MEDIA_JSON
    resp.data = json.dumps(body).encode() + b"\n"
