"""Fixtures shared by all tests."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with two workers and deletes on, shared: use a repository of your own."""
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Client:
    """Requests to the shared registry."""
    return Client(server.url)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a registry of one's own, with the sections of the configuration given by keyword."""
    with ExitStack() as stack:

        def start(folder: str = "server", environ: dict[str, str] | None = None, **sections: Any):
            server = Server(tmp_path / folder, sections, environ or {})
            return stack.enter_context(server)

        yield start


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository name that no other test uses."""
    return f"test/{uuid.uuid4().hex[:12]}"
