"""Request bodies, with a length or chunked, read in large pieces.

Neutral to the WSGI server: what gunicorn offers beyond PEP 3333 is used where it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from distribution.errors import ClientGoneError, MalformedBodyError, SizeMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import falcon

#: gunicorn reads ahead up to this; smaller pieces cost a copy of the rest each.
CHUNK_BYTES: Final = 1 << 20


def declared_length(req: falcon.Request) -> int | None:
    """Return the body's length in bytes, or None where it comes chunked."""
    if req.get_header("Transfer-Encoding"):
        return None
    return req.content_length or 0


def limit_waiting(req: falcon.Request, seconds: float) -> None:
    """Give up on a client that neither sends nor takes a byte for this long.

    Only where the server offers its socket; gunicorn itself waits for ever. It puts the socket back
    before the next request.
    """
    socket = req.env.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(seconds)


def chunks(req: falcon.Request, expected: int | None = None) -> Iterator[bytes]:
    """Yield the body in pieces of at most `CHUNK_BYTES`.

    Args:
        req: the request.
        expected: how many bytes there must be, if another header said so.

    Raises:
        SizeMismatchError: there are more, or fewer, than expected.
        ClientGoneError: the client hung up, or stalled.
        MalformedBodyError: the chunked coding is broken.
    """
    length = declared_length(req)
    if expected is not None and length not in {None, expected}:
        raise SizeMismatchError(expected, length or 0)
    received = 0
    for chunk in _pieces(req, length):
        received += len(chunk)
        if expected is not None and received > expected:
            raise SizeMismatchError(expected, received)
        yield chunk
    if expected is not None and received < expected:
        raise SizeMismatchError(expected, received)


def _pieces(req: falcon.Request, length: int | None) -> Iterator[bytes]:
    stream = req.env["wsgi.input"]
    received = 0
    while length is None or received < length:
        size = CHUNK_BYTES if length is None else min(CHUNK_BYTES, length - received)
        try:
            chunk = stream.read(size)
        except OSError as error:
            raise ClientGoneError(received) from error
        except Exception as error:  # the server's own kinds, which differ
            raise MalformedBodyError(f"broken request body after {received} bytes") from error
        if not chunk:
            if length is not None:
                raise ClientGoneError(received)
            return
        received += len(chunk)
        yield chunk
