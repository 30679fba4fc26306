"""Parts of a blob as response bodies (RFC 9110, 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final
from uuid import uuid4

from distribution import mediatypes
from distribution.registry.body import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import falcon

    from distribution.interfaces import Blob
    from distribution.registry.ranges import ByteRange

#: The module of the one server known to send no more than ``Content-Length`` of a file.
_SENDFILE_SERVER: Final = "gunicorn"


class LimitedReader:
    """The next bytes of a file, and no more."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        """Read up to *length* bytes of *stream*."""
        self._stream = stream
        self._left = length

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to *size* bytes, or all that are left; b"" at the end."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        chunk = self._stream.read(wanted) if wanted else b""
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read_part(blob: Blob, part: ByteRange) -> bytes:
    """Return a small part."""
    stream = LimitedReader(blob.open(part.start), len(part))
    try:
        return b"".join(iter(stream.read, b""))
    finally:
        stream.close()


def part_stream(req: falcon.Request, blob: Blob, part: ByteRange) -> BinaryIO | LimitedReader:
    """Return what sends one part: the positioned file itself where the server stops in time."""
    stream = blob.open(part.start)
    wrapper = req.env.get("wsgi.file_wrapper")
    stops = getattr(wrapper, "__module__", "").partition(".")[0] == _SENDFILE_SERVER
    if stops or part.end == blob.info.size:
        return stream
    return LimitedReader(stream, len(part))


def multipart(blob: Blob, parts: Sequence[ByteRange]) -> tuple[str, int, Iterator[bytes]]:
    """Return the content type, the length in bytes and the body of a ``multipart/byteranges``."""
    boundary = uuid4().hex
    heads = [_head(boundary, part, blob.info.size) for part in parts]
    foot = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(map(len, parts)) + len(foot)
    body = _body(blob, list(zip(heads, parts, strict=True)), foot)
    return f"multipart/byteranges; boundary={boundary}", length, body


def _head(boundary: str, part: ByteRange, size: int) -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {mediatypes.OCTET_STREAM}\r\n"
        f"Content-Range: {part.header(size)}\r\n\r\n"
    ).encode()


def _body(blob: Blob, parts: list[tuple[bytes, ByteRange]], foot: bytes) -> Iterator[bytes]:
    for head, part in parts:
        yield head
        stream = LimitedReader(blob.open(part.start), len(part))
        try:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
        finally:
            stream.close()
    yield foot
