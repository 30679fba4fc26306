"""Requests as bytes on a socket, for what no HTTP client would send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path

SECONDS = 30


@dataclass
class Answer:
    """What came back; status 0 if the server hung up without a word."""

    status: int
    headers: Message
    data: bytes


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    """Connect to a loopback port, without Nagle's delay."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield opened


def receive(opened: socket.socket, method: str = "GET") -> Answer:
    """Read one answer."""
    response = HTTPResponse(opened, method=method)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    except (ConnectionError, HTTPException):
        return Answer(0, Message(), b"")
    finally:
        response.close()


def send(port: int, *pieces: bytes, method: str = "GET") -> Answer:
    """Send *pieces* on a connection of their own; return the first answer."""
    with connection(port) as opened:
        try:
            for piece in pieces:
                opened.sendall(piece)
        except ConnectionError:  # refused early; the answer may be here already
            pass
        return receive(opened, method)


def head(method: str, path: str, *lines: str, host: str = "localhost") -> bytes:
    """Return a request line and headers as bytes, whatever they hold."""
    text = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""])
    return text.encode("utf-8", "surrogateescape")


def tree(folder: Path) -> set[str]:
    """Return every path below *folder*."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
