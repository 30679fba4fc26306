"""Clients that are slow, and clients that stop: neither may keep the rest waiting."""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from distribution import Digest
from distribution.registry.body import CHUNK_BYTES
from tests.support.client import Client
from tests.support.images import noise
from tests.support.server import START_SECONDS, Server

NAME = "slow/app"
BLOB = noise(16 << 20, seed=1)
PULLERS, PULL_BYTES = 300, 10_000
PUSHERS, PUSH_BYTES = 100, 1_000
SECONDS = 8.0
#: Seconds between two reads, or writes, of one client: 50 KB/s, and 5 KB/s.
TICK = 0.2
STALL_SECONDS = 2
THREADS = 64


def _connect(server: Server, receive_bytes: int = 16 << 10) -> socket.socket:
    """Connect with a small window, so that the server cannot be rid of an answer at once."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    return connection


def _head(method: str, target: str, **headers: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: registry", *lines, "", ""]).encode()


def _target(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


@dataclass(eq=False)
class Crowd(threading.Thread):
    """Many connections, each served a little at every tick, by one thread."""

    serve: Callable[[socket.socket], int]
    """Reads or writes a little, and returns how many bytes."""
    connections: list[socket.socket]
    events: int
    moved: dict[socket.socket, int] = field(default_factory=dict)
    dropped: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._enough = threading.Event()

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for connection in self.connections:
                connection.setblocking(False)
                selector.register(connection, self.events)
            while not self._enough.wait(TICK):
                for key, _ in selector.select(0):
                    self._serve(selector, key.fileobj)

    def _serve(self, selector: selectors.BaseSelector, connection: socket.socket) -> None:
        try:
            moved = self.serve(connection)
        except OSError:
            moved = 0
        if moved == 0:
            self.dropped += 1
            selector.unregister(connection)
        self.moved[connection] = self.moved.get(connection, 0) + moved

    def stop(self) -> None:
        self._enough.set()
        self.join(30)
        for connection in self.connections:
            connection.close()


def test_slow_clients_keep_nobody_waiting(serve: Callable[..., Server]) -> None:
    """While hundreds pull and push slowly, each fresh request is answered within a second."""
    server = serve()
    _warm_up(server)
    client = Client(server.url)
    digest = client.push_blob(NAME, BLOB)
    pullers = [_connect(server) for _ in range(PULLERS)]
    for connection in pullers:
        connection.sendall(_head("GET", f"/v2/{NAME}/blobs/{digest}"))
    pushers = [_connect(server) for _ in range(PUSHERS)]
    for connection in pushers:
        target = _target(client.start(NAME))
        connection.sendall(_head("PATCH", target, Content_Length=len(BLOB)))
    crowds = [
        Crowd(lambda each: len(each.recv(PULL_BYTES)), pullers, selectors.EVENT_READ),
        Crowd(lambda each: each.send(BLOB[:PUSH_BYTES]), pushers, selectors.EVENT_WRITE),
    ]
    for crowd in crowds:
        crowd.start()
    try:
        waits = [_ping(server) for _ in _for_seconds(SECONDS)]
    finally:
        for crowd in crowds:
            crowd.stop()
    server.kill()  # sooner than by a stop
    print(f"{len(waits)} requests, the slowest took {max(waits):.3f} s")
    assert max(waits) < 1
    assert [crowd.dropped for crowd in crowds] == [0, 0]
    ticks = SECONDS / TICK
    assert min(crowds[0].moved.values()) > PULL_BYTES * ticks / 4
    assert min(crowds[1].moved.values()) > PUSH_BYTES * ticks / 4
    assert [len(crowd.moved) for crowd in crowds] == [PULLERS, PUSHERS]


def _warm_up(server: Server) -> None:
    """Ask until each worker has answered: one that starts later takes no connection off another."""
    deadline = time.monotonic() + START_SECONDS
    while any(len(list(Path(f"/proc/{pid}/task").iterdir())) < 2 for pid in server.workers):
        assert time.monotonic() < deadline
        _ping(server)


def _for_seconds(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)


def _ping(server: Server) -> float:
    """Ask on a fresh connection; return the seconds that it took."""
    start = time.monotonic()
    with urllib3.PoolManager(retries=False) as pool:
        assert pool.request("GET", f"{server.url}/v2/", timeout=10).status == 200
    return time.monotonic() - start


@pytest.fixture
def impatient(serve: Callable[..., Server]) -> Iterator[Server]:
    """A server that gives up on a client soon, and has few threads."""
    server = serve(server={"workers": 2, "threads": THREADS, "clienttimeout": f"{STALL_SECONDS}s"})
    _warm_up(server)
    yield server
    server.kill()  # sooner than by a stop


@contextmanager
def _stalled(server: Server, requests: list[bytes]) -> Iterator[list[socket.socket]]:
    """Send more requests than the server has threads, and then do nothing."""
    connections = [_connect(server) for _ in requests]
    try:
        for connection, request in zip(connections, requests, strict=True):
            connection.sendall(request)
        yield connections
    finally:
        for connection in connections:
            connection.close()


def test_who_stops_reading_is_dropped(impatient: Server) -> None:
    """Clients that stop in the middle of a GET give back their threads."""
    digest = Client(impatient.url).push_blob(NAME, BLOB)
    request = _head("GET", f"/v2/{NAME}/blobs/{digest}")
    with _stalled(impatient, [request] * (2 * THREADS + 10)) as connections:
        assert _ping(impatient) < 4 * STALL_SECONDS
        # As many again may have waited for a thread.
        time.sleep(3 * STALL_SECONDS)
        assert max(map(_left, connections[:3])) < len(BLOB)


def _left(connection: socket.socket) -> int:
    """Read until the server's end of the connection; return how many bytes that were."""
    received = 0
    try:
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
    except ConnectionResetError:
        pass
    return received


def test_who_stops_sending_is_dropped(impatient: Server) -> None:
    """Clients that stop in the middle of a PATCH give back their threads, and can go on later."""
    client = Client(impatient.url)
    content, sent = BLOB[:4_000_000], 2_500_000
    locations = [client.start(NAME) for _ in range(2 * THREADS + 10)]
    requests = [
        _head("PATCH", _target(each), Content_Length=len(content)) + content[:sent]
        for each in locations
    ]
    with _stalled(impatient, requests) as connections:
        assert _ping(impatient) < 4 * STALL_SECONDS
        answers = [_answer(connection) for connection in connections]
    assert set(answers) <= {b"HTTP/1.1 408", b""}
    assert b"HTTP/1.1 408" in answers
    address = locations[0].partition("?")[0]
    offset = int(client.request("GET", address).headers["Range"].partition("-")[2]) + 1
    # What came since the last full piece may be lost with the connection.
    assert sent - CHUNK_BYTES < offset <= sent
    rest = f"{offset}-{len(content) - 1}"
    client.request("PATCH", address, body=content[offset:], Content_Range=rest)
    done = client.request("PUT", address, query={"digest": str(Digest.of(content))})
    assert done.status == 201


def _answer(connection: socket.socket) -> bytes:
    """Return the start of what the server says before it closes."""
    try:
        return connection.recv(1 << 16)[:12]
    except ConnectionResetError:
        return b""


def test_who_never_ends_the_headers_is_dropped(impatient: Server) -> None:
    """A client that stops in the middle of a request's head gives back its thread."""
    with _stalled(impatient, [b"GET /v2/ HTTP/1.1\r\nHost: re"]) as (connection,):
        connection.settimeout(3 * STALL_SECONDS)
        assert _answer(connection) in {b"HTTP/1.1 408", b""}
