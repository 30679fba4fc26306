"""Everything this package raises on purpose, rooted in one class.

Each error carries what a caller can act on as attributes. None of them knows
HTTP: `distribution.registry.errors` holds the one table from here to statuses
and the codes of the OCI distribution spec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distribution.digest import Digest
    from distribution.reference import RepositoryName, Tag


class DistributionError(Exception):
    """Base of every deliberate failure; catching it never hides a bug."""


# --- text that does not parse ----------------------------------------------------------


class InvalidDigestError(DistributionError):
    """A string is not a digest, or names an algorithm that is not supported."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid digest: {text[:200]!r}")
        self.text = text


class InvalidNameError(DistributionError):
    """A string is not a repository name."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid repository name: {text[:300]!r}")
        self.text = text


class InvalidTagError(DistributionError):
    """A string is not a tag."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid tag: {text[:200]!r}")
        self.text = text


class InvalidReferenceError(DistributionError):
    """A string is not an image reference."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"invalid reference: {text[:400]!r}: {reason}")
        self.text = text
        self.reason = reason


class PaginationError(DistributionError):
    """The number of results asked for is not acceptable."""

    def __init__(self, text: str, limit: int | None = None) -> None:
        bound = "" if limit is None else f", at most {limit}"
        super().__init__(f"n must be a whole number{bound}: {text[:100]!r}")
        self.text = text
        self.limit = limit


class ConfigurationError(DistributionError):
    """A setting is wrong; the message names the file, the key and the value."""


# --- content that is not what it claims -------------------------------------------------


class ManifestInvalidError(DistributionError):
    """A manifest breaks its own format."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"manifest invalid: {reason}")
        self.reason = reason


class ManifestTooLargeError(DistributionError):
    """A manifest is larger than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"manifest is larger than {limit} bytes")
        self.limit = limit


class ManifestReferencesUnknownError(DistributionError):
    """A manifest refers to content that its repository does not hold."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        shown = ", ".join(str(digest) for digest in digests[:5])
        more = f" and {len(digests) - 5} more" if len(digests) > 5 else ""  # noqa: PLR2004
        super().__init__(f"manifest refers to unknown content: {shown}{more}")
        self.digests = tuple(digests)


class DigestMismatchError(DistributionError):
    """Content does not hash to the digest it was offered under."""

    def __init__(self, expected: Digest, actual: Digest) -> None:
        super().__init__(f"expected {expected}, content is {actual}")
        self.expected = expected
        self.actual = actual


class SizeMismatchError(DistributionError):
    """Content is shorter or longer than was declared."""

    def __init__(self, declared: int, received: int) -> None:
        super().__init__(f"declared {declared} bytes, received {received}")
        self.declared = declared
        self.received = received


# --- content that is not there ------------------------------------------------------------


class RepositoryUnknownError(DistributionError):
    """No repository of this name holds anything."""

    def __init__(self, name: RepositoryName) -> None:
        super().__init__(f"repository unknown: {name}")
        self.name = name


class BlobUnknownError(DistributionError):
    """No blob with this digest can be read here."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob unknown: {digest}")
        self.digest = digest


class ManifestUnknownError(DistributionError):
    """No manifest with this digest, or under this tag, can be read here."""

    def __init__(self, reference: Digest | Tag) -> None:
        super().__init__(f"manifest unknown: {reference}")
        self.reference = reference


class TagUnknownError(ManifestUnknownError):
    """No such tag."""


class UploadUnknownError(DistributionError):
    """No such upload session in this repository."""

    def __init__(self, upload: str) -> None:
        super().__init__(f"upload unknown: {upload[:100]!r}")
        self.upload = upload


# --- requests that cannot be carried out now -----------------------------------------------


class UploadStateError(DistributionError):
    """An upload's state token is forged, or belongs to another session."""

    def __init__(self) -> None:
        super().__init__("upload state is not valid for this session")


class UploadRangeError(DistributionError):
    """Content was offered for another place than where the upload stands."""

    def __init__(self, upload: str, offset: int) -> None:
        super().__init__(f"upload {upload} continues at byte {offset}")
        self.upload = upload
        self.offset = offset
        """Bytes received so far."""


class UploadBusyError(DistributionError):
    """Another request is writing to this upload session."""

    def __init__(self, upload: str) -> None:
        super().__init__(f"upload {upload} is being written by another request")
        self.upload = upload


class InvalidRangeError(DistributionError):
    """A ``Content-Range`` header does not follow the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid content range: {text[:100]!r}")
        self.text = text


class RangeNotSatisfiableError(DistributionError):
    """No byte of the content lies in the range asked for (RFC 9110, 15.5.17)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"range lies beyond the {size} bytes of the content")
        self.size = size


class TooManyTagsError(DistributionError):
    """More tags in one request than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} tags in one request")
        self.limit = limit


class UnsupportedError(DistributionError):
    """The operation is switched off, or not defined for this content."""


class ClientGoneError(DistributionError):
    """The client hung up, or stopped sending, before the body was whole."""

    def __init__(self, received: int) -> None:
        super().__init__(f"client stopped after {received} bytes")
        self.received = received


class MalformedBodyError(DistributionError):
    """The transfer coding of a request body is broken (RFC 9112, 7)."""


# --- the storage backend --------------------------------------------------------------------


class DriverError(DistributionError):
    """A storage backend failed; its own error is the ``__cause__``."""


class PathNotFoundError(DriverError):
    """Nothing is stored at the path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"path not found: {path}")
        self.path = path


class InvalidPathError(DriverError):
    """The path does not match the grammar of driver paths."""

    def __init__(self, path: str) -> None:
        super().__init__(f"invalid path: {path[:300]!r}")
        self.path = path


class InvalidOffsetError(DriverError):
    """A read or a resumed write starts beyond the end of the file."""

    def __init__(self, path: str, offset: int) -> None:
        super().__init__(f"invalid offset {offset} in {path}")
        self.path = path
        self.offset = offset


class ConflictError(DriverError):
    """A conditional write found another version than the one expected."""

    def __init__(self, path: str) -> None:
        super().__init__(f"changed by someone else: {path}")
        self.path = path
