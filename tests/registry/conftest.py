"""Fixtures of the HTTP front end's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.local import Local
from tests.support.raw import tree
from tests.support.server import Server


@pytest.fixture
def local() -> Local:
    """An application of one's own in memory, without a server."""
    return Local()


@pytest.fixture
def serve_http(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a registry of one's own, with settings of the section ``http`` given by keyword."""
    with ExitStack() as stack:

        def start(**http: Any) -> Server:
            server = Server(tmp_path / "server")
            server.sections = {"http": {"addr": server.address, **http}}
            return stack.enter_context(server)

        yield start


@pytest.fixture
def stored(server: Server) -> Callable[[], set[str]]:
    """List what the shared registry has stored: all below its folder, locks and log left out."""
    return lambda: {
        path for path in tree(server.folder) if not path.startswith("root/.distribution")
    }


@pytest.fixture
def fresh(server: Server) -> Iterator[Callable[[], Client]]:
    """Make clients with connections of their own, which may reach any worker."""
    made: list[Client] = []

    def make() -> Client:
        made.append(Client(server.url))
        return made[-1]

    yield make
    for client in made:
        client.pool.clear()
