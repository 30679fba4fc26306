"""Hashes whose state can be written down, so that an upload is never read twice.

`hashlib` cannot be interrupted. libcrypto's own context can, and runs at the same speed, so SHA-2
is driven through ctypes here, and its state is written in the form that Go's ``crypto/sha256`` and
``crypto/sha512`` marshal theirs: Docker Distribution goes on from a state of ours, and we from one
of its. Where libcrypto cannot be loaded, or does not pass the self-test, hashes are plain
`hashlib` ones without a state, and content is read again instead.

Not a general hash library: only what upload sessions need.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, Self


class Hash(Protocol):
    """What uploads need of a hash."""

    @property
    def algorithm(self) -> str:
        """The digest algorithm's name."""

    def update(self, chunk: bytes) -> None:
        """Take in *chunk*; releases the GIL."""

    def hexdigest(self) -> str:
        """Return the hash of everything taken in so far."""

    def state(self) -> bytes | None:
        """Return what `restore` goes on from, or None where that cannot be told."""


class _Context256(ctypes.Structure):
    """``SHA256_CTX`` of openssl/sha.h."""

    _fields_ = (
        ("h", ctypes.c_uint32 * 8),
        ("low", ctypes.c_uint32),
        ("high", ctypes.c_uint32),
        ("block", ctypes.c_ubyte * 64),
        ("used", ctypes.c_uint),
        ("length", ctypes.c_uint),
    )


class _Context512(ctypes.Structure):
    """``SHA512_CTX`` of openssl/sha.h."""

    _fields_ = (
        ("h", ctypes.c_uint64 * 8),
        ("low", ctypes.c_uint64),
        ("high", ctypes.c_uint64),
        ("block", ctypes.c_ubyte * 128),
        ("used", ctypes.c_uint),
        ("length", ctypes.c_uint),
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """How one algorithm looks in C and in Go."""

    context: type[_Context256 | _Context512]
    functions: str
    """Prefix of Update and Final, which SHA-384 shares with SHA-512."""
    magic: bytes
    word: str
    block: int
    """Bytes."""
    size: int
    """Bytes of the digest."""


_FAMILIES: Final = {
    "sha256": _Family(_Context256, "SHA256", b"sha\x03", ">8I", 64, 32),
    "sha384": _Family(_Context512, "SHA512", b"sha\x04", ">8Q", 128, 48),
    "sha512": _Family(_Context512, "SHA512", b"sha\x07", ">8Q", 128, 64),
}


class _Resumable:
    """A SHA-2 hash over libcrypto's context."""

    __slots__ = ("_context", "_family", "_library", "algorithm")

    def __init__(self, library: ctypes.CDLL, algorithm: str) -> None:
        self.algorithm = algorithm
        self._library = library
        self._family = _FAMILIES[algorithm]
        self._context: Any = self._family.context()
        init = getattr(library, f"{algorithm.upper()}_Init")
        init(ctypes.byref(self._context))

    def update(self, chunk: bytes) -> None:
        update = getattr(self._library, f"{self._family.functions}_Update")
        update(ctypes.byref(self._context), chunk, ctypes.c_size_t(len(chunk)))

    def hexdigest(self) -> str:
        context = type(self._context).from_buffer_copy(self._context)
        digest = ctypes.create_string_buffer(self._family.size)
        getattr(self._library, f"{self._family.functions}_Final")(digest, ctypes.byref(context))
        return digest.raw.hex()

    def state(self) -> bytes:
        family, context = self._family, self._context
        bits = context.high << (8 * ctypes.sizeof(context._fields_[1][1])) | context.low
        words = struct.pack(family.word, *context.h)
        block = bytes(context.block)[: context.used].ljust(family.block, b"\0")
        return family.magic + words + block + struct.pack(">Q", bits // 8)

    @classmethod
    def restored(cls, library: ctypes.CDLL, algorithm: str, state: bytes) -> Self:
        family = _FAMILIES[algorithm]
        width = struct.calcsize(family.word)
        if len(state) != 4 + width + family.block + 8 or not state.startswith(family.magic):
            raise ValueError("not a hash state")
        restored = cls(library, algorithm)
        context = restored._context
        context.h[:] = struct.unpack(family.word, state[4 : 4 + width])
        (length,) = struct.unpack(">Q", state[-8:])
        bits, half = length * 8, 8 * ctypes.sizeof(context._fields_[1][1])
        context.low, context.high = bits & ((1 << half) - 1), bits >> half
        context.used = length % family.block
        ctypes.memmove(context.block, state[4 + width : -8], family.block)
        return restored


class _Plain:
    """A `hashlib` hash, without a state."""

    __slots__ = ("_hash", "algorithm")

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._hash = hashlib.new(algorithm)

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def state(self) -> None:
        return None


def start(algorithm: str) -> Hash:
    """Return a fresh hash of *algorithm*."""
    library = _library()
    return _Plain(algorithm) if library is None else _Resumable(library, algorithm)


def restore(algorithm: str, state: bytes) -> Hash | None:
    """Return a hash that goes on from *state*, or None if it cannot be used.

    >>> first = start("sha256"); first.update(b"hello, ")
    >>> second = restore("sha256", first.state()); second.update(b"world")
    >>> second.hexdigest() == hashlib.sha256(b"hello, world").hexdigest()
    True
    """
    library = _library()
    if library is None:
        return None
    try:
        return _Resumable.restored(library, algorithm, state)
    except ValueError:
        return None


@cache
def _library() -> ctypes.CDLL | None:
    """Return a libcrypto that agrees with `hashlib`, or None."""
    for name in _candidates():
        with suppress(OSError, AttributeError, ValueError):
            library = ctypes.CDLL(name)
            if all(_self_test(library, algorithm) for algorithm in _FAMILIES):
                return library
    return None


def _candidates() -> list[str]:
    names = []
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8") as maps:  # noqa: PTH123
        # The very library that hashlib uses, when it is linked to a shared one.
        names += [line.split(maxsplit=5)[5].strip() for line in maps if "libcrypto" in line][:1]
    found = ctypes.util.find_library("crypto")
    return [*names, *([found] if found else []), "libcrypto.so.3", "libcrypto.so.1.1"]


def _self_test(library: ctypes.CDLL, algorithm: str) -> bool:
    content = bytes(range(251)) * 3
    for split in (0, 1, 63, 64, 127, 128, 500):
        first = _Resumable(library, algorithm)
        first.update(content[:split])
        second = _Resumable.restored(library, algorithm, first.state())
        second.update(content[split:])
        if second.hexdigest() != hashlib.new(algorithm, content).hexdigest():
            return False
    return True
