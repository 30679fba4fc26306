"""Stores over each kind of driver, as a fresh process would open them."""

import pytest

from distribution import RepositoryName, StoredNamespace
from distribution.storage.drivers.filesystem import FilesystemDriver
from distribution.storage.drivers.memory import MemoryDriver

NAME = RepositoryName("library/app")


@pytest.fixture(params=["filesystem", "memory", "memory with parts"])
def driver(request, tmp_path):
    """A driver that writes in place, one that does not, and one that keeps tails."""
    if request.param == "filesystem":
        return FilesystemDriver(tmp_path / "root", sync=False)
    return MemoryDriver(minimum_part=5 if request.param.endswith("parts") else 0)


@pytest.fixture
def fresh(driver):
    """Open the repository anew, with nothing remembered, as another process would."""
    return lambda name=NAME: StoredNamespace(driver).repository(name)
