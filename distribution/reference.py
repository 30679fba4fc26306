"""Names of repositories, tags, and whole image references.

The grammar is the OCI distribution spec's ("Pulling manifests"), the limits
are those that every client keeps: 255 characters a name, 128 a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from distribution.digest import Digest
from distribution.errors import (
    InvalidDigestError,
    InvalidNameError,
    InvalidReferenceError,
    InvalidTagError,
)

#: Characters in a repository name, slashes included.
NAME_LIMIT: Final = 255

#: The registry that a reference without a host means.
DEFAULT_DOMAIN: Final = "docker.io"

#: The namespace of a one-word name on the default registry.
OFFICIAL_NAMESPACE: Final = "library"

# Each alternative of the separator begins with another character than a component's own, so
# the pattern has one way to match any text and cannot backtrack.
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?")


@dataclass(frozen=True, slots=True, order=True)
class RepositoryName:
    """A repository's name, e.g. ``library/alpine``.

    >>> RepositoryName.parse("library/alpine").components
    ('library', 'alpine')
    >>> RepositoryName.parse("../etc")
    Traceback (most recent call last):
    distribution.errors.InvalidNameError: invalid repository name: '../etc'
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> RepositoryName:
        """Read a repository name.

        Raises:
            InvalidNameError: *text* does not follow the grammar, or is too long.
        """
        if len(text) > NAME_LIMIT or _NAME.fullmatch(text) is None:
            raise InvalidNameError(text)
        return cls(text)

    @property
    def components(self) -> tuple[str, ...]:
        """The parts between slashes; comparing these is the catalog's order."""
        return tuple(self.text.split("/"))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A tag, e.g. ``latest``."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Read a tag.

        Raises:
            InvalidTagError: *text* does not follow the grammar, or is too long.
        """
        if _TAG.fullmatch(text) is None:
            raise InvalidTagError(text)
        return cls(text)

    def __str__(self) -> str:
        return self.text


def parse_tag_or_digest(text: str) -> Tag | Digest:
    """Read what stands behind ``/manifests/`` in a URL.

    Raises:
        InvalidDigestError: *text* holds a colon, and is no digest.
        InvalidTagError: *text* holds none, and is no tag.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference as people type it: host, repository, tag and digest.

    >>> str(Reference.parse("alpine"))
    'docker.io/library/alpine:latest'
    >>> str(Reference.parse("localhost:5000/app@sha256:" + "0" * 64))[:30]
    'localhost:5000/app@sha256:0000'
    """

    domain: str
    repository: RepositoryName
    tag: Tag | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference, filling in what its familiar form leaves out.

        The first component is a host if it holds a dot or a colon, or an upper-case letter, or
        is ``localhost``. A reference with neither tag nor digest means ``latest``.

        Raises:
            InvalidReferenceError: *text* is not a reference; the reason says which part.
        """
        rest, _, digest_text = text.partition("@")
        head, slash, tail = rest.rpartition("/")
        last, colon, tag_text = tail.partition(":")
        domain, path = _split_domain(f"{head}{slash}{last}")
        try:
            digest = Digest.parse(digest_text) if "@" in text else None
            tag = Tag.parse(tag_text) if colon else None
            repository = RepositoryName.parse(path)
        except (InvalidDigestError, InvalidTagError, InvalidNameError) as error:
            raise InvalidReferenceError(text, str(error)) from error
        if _DOMAIN.fullmatch(domain) is None:
            raise InvalidReferenceError(text, f"invalid host: {domain!r}")
        if tag is None and digest is None:
            tag = Tag("latest")
        return cls(domain, repository, tag, digest)

    @property
    def familiar(self) -> str:
        """The shortest text that parses to this reference, e.g. ``alpine``."""
        match self.domain, self.repository.components:
            case "docker.io", ("library", official):
                name = official
            case "docker.io", (first, *rest) if not (rest and _is_host(first)):
                name = str(self.repository)
            case _:
                name = f"{self.domain}/{self.repository}"
        only_latest = self.tag == Tag("latest") and self.digest is None
        return name if only_latest else name + self._suffix

    @property
    def _suffix(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return tag if self.digest is None else f"{tag}@{self.digest}"

    def __str__(self) -> str:
        return f"{self.domain}/{self.repository}{self._suffix}"


def _split_domain(path: str) -> tuple[str, str]:
    first, slash, rest = path.partition("/")
    if slash and _is_host(first):
        domain = DEFAULT_DOMAIN if first == f"index.{DEFAULT_DOMAIN}" else first
        return domain, _with_namespace(domain, rest)
    return DEFAULT_DOMAIN, _with_namespace(DEFAULT_DOMAIN, path)


def _is_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _with_namespace(domain: str, path: str) -> str:
    bare = domain == DEFAULT_DOMAIN and "/" not in path
    return f"{OFFICIAL_NAMESPACE}/{path}" if bare else path
