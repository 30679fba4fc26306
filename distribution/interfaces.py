"""What local storage and a remote registry have in common.

`distribution.storage` keeps these protocols over a driver, `distribution.client` over HTTP, so that
whatever moves images between two places need not know which is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import BinaryIO

    from distribution.digest import Digest
    from distribution.manifest import Manifest
    from distribution.reference import RepositoryName, Tag

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a longer list, in order."""

    items: tuple[T, ...]
    more: bool
    """Whether anything follows the last item."""
    last: str = ""
    """Where the next page goes on, if not behind the last item itself."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What is known of a blob without reading it."""

    digest: Digest
    """The digest of the stored bytes; another than was asked for where Docker Distribution
    stored content pushed by sha512 under its sha256."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """Where an upload session stands."""

    id: str
    offset: int
    """Bytes received so far."""
    started_at: datetime


class Blob(Protocol):
    """A blob that its reader may see; nothing is opened yet."""

    @property
    def info(self) -> BlobInfo:
        """Its digest and size."""

    def open(self, offset: int = 0) -> BinaryIO:
        """Open it for reading from byte *offset*; the caller closes it.

        Raises:
            BlobUnknownError: it was removed meanwhile.
        """


class Upload(Protocol):
    """An upload session, open for writing by this caller alone. A context manager."""

    @property
    def id(self) -> str:
        """The session's identifier."""

    @property
    def offset(self) -> int:
        """Bytes received so far."""

    @property
    def ended(self) -> bool:
        """Whether it was suspended, committed or cancelled."""

    def expect(self, digest: Digest) -> None:
        """Tell the digest before the first byte, where it is known."""

    def write(self, chunk: bytes) -> None:
        """Append *chunk*."""

    def suspend(self) -> UploadStatus:
        """Leave the session to be resumed, here or by another process."""

    def commit(self, digest: Digest) -> BlobInfo:
        """Verify, publish, and end the session.

        Raises:
            DigestMismatchError: the content is not *digest*'s; nothing is published, and the
                session is gone.
        """

    def cancel(self) -> None:
        """End the session and discard its content."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Suspend the session if nothing else ended it."""


class Uploads(Protocol):
    """The upload sessions of one repository."""

    def start(self, algorithm: str | None = None) -> UploadStatus:
        """Begin a session whose content will be named by a digest of *algorithm*."""

    def status(self, upload: str) -> UploadStatus:
        """Tell where a session stands.

        Raises:
            UploadUnknownError: no such session.
        """

    def resume(self, upload: str, at: int | None = None) -> Upload:
        """Open a session for writing.

        Args:
            upload: its identifier.
            at: the offset that the next byte is for, if the caller knows.

        Raises:
            UploadUnknownError: no such session.
            UploadBusyError: another request is writing to it.
            UploadRangeError: the session does not stand at *at*; it lives on.
        """

    def cancel(self, upload: str) -> None:
        """Discard a session.

        Raises:
            UploadUnknownError: no such session.
            UploadBusyError: another request is writing to it.
        """


class Blobs(Protocol):
    """The blobs that one repository may serve."""

    def stat(self, digest: Digest) -> BlobInfo:
        """Describe a blob for a caller who will rely on it.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """

    def get(self, digest: Digest) -> Blob:
        """Return a blob to read from.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """

    def mount(self, digest: Digest, source: RepositoryName) -> BlobInfo:
        """Link a blob of another repository into this one, moving no bytes.

        Raises:
            BlobUnknownError: *source* has no such blob.
        """

    def mount_from_any(
        self, digest: Digest, readable: Callable[[RepositoryName], bool]
    ) -> BlobInfo:
        """Link a blob from whichever repository the caller can read it in.

        Raises:
            BlobUnknownError: no such repository is known.
        """

    def delete(self, digest: Digest) -> None:
        """Unlink a blob from this repository.

        Raises:
            BlobUnknownError: this repository has no such blob.
        """


class Manifests(Protocol):
    """The manifests of one repository."""

    def get(self, reference: Digest | Tag) -> Manifest:
        """Return a manifest.

        Raises:
            ManifestUnknownError: this repository has none under *reference*.
        """

    def stat(self, reference: Digest | Tag) -> Manifest:
        """Return a manifest having made sure that its bytes are still stored.

        Raises:
            ManifestUnknownError: this repository has none under *reference*.
        """

    def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Store a manifest and let *tags* point at it.

        Raises:
            ManifestReferencesUnknownError: something it refers to is not in this repository.
            ManifestInvalidError: it names a URL that the rules refuse.
        """

    def delete(self, digest: Digest) -> None:
        """Delete a manifest and all tags that point at it.

        Raises:
            ManifestUnknownError: this repository has no such manifest.
        """


class Tags(Protocol):
    """The tags of one repository."""

    def get(self, tag: Tag) -> Digest:
        """Return the digest of the manifest under *tag*.

        Raises:
            TagUnknownError: no such tag.
        """

    def page(self, limit: int, last: str | None = None) -> Page[Tag]:
        """Return up to *limit* tags in lexical order, those beyond *last*.

        Raises:
            RepositoryUnknownError: nothing was ever pushed to this repository.
        """

    def delete(self, tag: Tag) -> None:
        """Delete a tag; the manifest stays.

        Raises:
            TagUnknownError: no such tag.
        """


class Referrers(Protocol):
    """The manifests of one repository that name another as their subject."""

    def page(
        self,
        subject: Digest,
        artifact_type: str | None = None,
        *,
        limit: int,
        last: str | None = None,
    ) -> Page[dict[str, Any]]:
        """Return up to *limit* descriptors of manifests that refer to *subject*."""


class Repository(Protocol):
    """One named collection of blobs, manifests and tags."""

    @property
    def name(self) -> RepositoryName:
        """The repository's name."""

    @property
    def blobs(self) -> Blobs:
        """Its blobs."""

    @property
    def uploads(self) -> Uploads:
        """Its upload sessions."""

    @property
    def manifests(self) -> Manifests:
        """Its manifests."""

    @property
    def tags(self) -> Tags:
        """Its tags."""

    @property
    def referrers(self) -> Referrers:
        """Its referrers."""


class Namespace(Protocol):
    """All repositories of one place."""

    def repository(self, name: RepositoryName) -> Repository:
        """Return the repository called *name*, which need not exist yet."""

    def repositories(self, limit: int, last: str | None = None) -> Page[RepositoryName]:
        """Return up to *limit* names in component-wise order, those beyond *last*."""
