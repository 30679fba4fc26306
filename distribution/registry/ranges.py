"""``Range`` and ``Content-Range``, as values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from distribution.errors import InvalidRangeError, RangeNotSatisfiableError

#: Parts in one answer; a request for more is answered with the whole (RFC 9110, 14.2 allows it).
PARTS_LIMIT: Final = 64

#: Digits that fit any file's size.
_NUMBER: Final = r"[0-9]{1,19}"
_SPEC: Final = re.compile(rf"({_NUMBER})?-({_NUMBER})?")
_CONTENT_RANGE: Final = re.compile(rf"(?:bytes[ =])?({_NUMBER})-({_NUMBER})(?:/(?:{_NUMBER}|\*))?")


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """Bytes *start* to *end* of some content; *end* is the first one not included."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def header(self, size: int) -> str:
        """Return the ``Content-Range`` of this part of content of *size* bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse_range(header: str, size: int) -> tuple[ByteRange, ...]:
    """Return the parts that a ``Range`` header asks for, merged, in order; none for the whole.

    >>> parse_range("bytes=-5", 20)
    (ByteRange(start=15, end=20),)
    >>> parse_range("bytes=0-3,2-9,15-", 20)
    (ByteRange(start=0, end=10), ByteRange(start=15, end=20))
    >>> parse_range("lines=1-2", 20)
    ()

    Raises:
        RangeNotSatisfiableError: no part lies within *size*, or the text is no range of bytes.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return ()
    wanted = sorted(
        found for spec in specs.split(",") if (found := _resolve(spec.strip(), size)) is not None
    )
    if not wanted:
        raise RangeNotSatisfiableError(size)
    merged = _merge(wanted)
    return merged if len(merged) <= PARTS_LIMIT else ()


def parse_content_range(header: str) -> ByteRange:
    """Return the place that an upload's ``Content-Range`` names.

    The spec's own form has no unit (``0-1023``); RFC 9110's (``bytes 0-1023/4096``) is taken too.

    >>> parse_content_range("bytes 100-199/*")
    ByteRange(start=100, end=200)

    Raises:
        InvalidRangeError: the text follows neither form, or ends before it begins.
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise InvalidRangeError(header)
    return ByteRange(int(match[1]), int(match[2]) + 1)


def _resolve(spec: str, size: int) -> ByteRange | None:
    match = _SPEC.fullmatch(spec)
    if match is None or match[0] == "-":
        return None
    if match[1] is None:
        start, end = max(size - int(match[2]), 0), size
    else:
        start = int(match[1])
        end = size if match[2] is None else min(int(match[2]) + 1, size)
    return ByteRange(start, end) if start < end else None


def _merge(wanted: list[ByteRange]) -> tuple[ByteRange, ...]:
    merged = [wanted[0]]
    for each in wanted[1:]:
        if each.start <= merged[-1].end:
            merged[-1] = ByteRange(merged[-1].start, max(each.end, merged[-1].end))
        else:
            merged.append(each)
    return tuple(merged)
