"""Digests: the names of content. Pure values, no I/O."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from distribution.errors import InvalidDigestError

if TYPE_CHECKING:
    from hashlib import _Hash

#: Hex length of each supported algorithm's digest, in characters (OCI image spec, "Digests").
HEX_LENGTH: Final = {"sha256": 64, "sha384": 96, "sha512": 128}

#: The algorithm of content whose pusher named none.
CANONICAL: Final = "sha256"

_GRAMMAR: Final = re.compile(r"([a-z0-9]+):([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class Digest:
    """The content's algorithm and hash, e.g. ``sha256:9f86…``.

    >>> Digest.of(b"test").algorithm
    'sha256'
    >>> Digest.parse("sha256:nope")
    Traceback (most recent call last):
    distribution.errors.InvalidDigestError: invalid digest: 'sha256:nope'
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read a digest written as ``algorithm:hex``.

        Raises:
            InvalidDigestError: *text* is malformed, or its algorithm not supported.
        """
        match = _GRAMMAR.fullmatch(text)
        if match is None or HEX_LENGTH.get(match[1]) != len(match[2]):
            raise InvalidDigestError(text)
        return cls(match[1], match[2])

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Digest:
        """Hash *content*."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def hasher(self) -> _Hash:
        """Return a fresh hash object of this algorithm."""
        return hashlib.new(self.algorithm)

    def matches(self, content: bytes) -> bool:
        """Say whether *content* hashes to this digest."""
        return Digest.of(content, self.algorithm) == self

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
