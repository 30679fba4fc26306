"""Daemons that several tests share, and folders that are short enough for their sockets."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.peers import Containerd, Dockerd, run
from tests.support.tools import require


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """A Docker engine."""
    with Dockerd(tmp_path_factory.mktemp("docker")) as started:
        yield started


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    """A containerd."""
    with Containerd(tmp_path_factory.mktemp("ctrd")) as started:
        yield started


@pytest.fixture
def at(server, name) -> Callable[..., str]:
    """Name something in a repository of this test's own, as clients write it."""

    def address(tag: str = "1", *, below: str = "") -> str:
        return f"127.0.0.1:{server.port}/{name}{below}:{tag}"

    return address


@pytest.fixture
def command(tmp_path) -> Callable[..., str]:
    """Run a client's command in this test's folder."""

    def execute(*parts: object, check: bool = True) -> str:
        return run(*parts, folder=tmp_path, check=check)

    return execute


@pytest.fixture
def skopeo(command) -> Callable[..., str]:
    """Run skopeo."""
    require("skopeo")
    return lambda *parts, **options: command("skopeo", "--insecure-policy", *parts, **options)
