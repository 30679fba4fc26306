"""The other side of ``multipart/byteranges``."""

import re


def read_parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Take a ``multipart/byteranges`` apart by the letter of RFC 9110, 14.6, and RFC 2046, 5.1.1.

    Returns the ``Content-Range`` and the bytes of each part; every byte of *body* is accounted for.
    """
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{32})", content_type)[1]
    delimiter = f"\r\n--{boundary}".encode()
    preamble, *parts, epilogue = body.split(delimiter)
    assert (preamble, epilogue) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        blank, kind, where = head.split(b"\r\n")
        assert (blank, kind) == (b"", b"Content-Type: application/octet-stream")
        assert where.startswith(b"Content-Range: ")
        found.append((where.removeprefix(b"Content-Range: ").decode(), content))
    return found


def expected_parts(content: bytes, *spans: tuple[int, int]) -> list[tuple[str, bytes]]:
    return [
        (f"bytes {first}-{last}/{len(content)}", content[first : last + 1]) for first, last in spans
    ]
