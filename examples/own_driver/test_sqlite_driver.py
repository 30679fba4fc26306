"""The driver keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_driver import SqliteDriver

from distribution.storage.drivers.testing import DriverSuite


class TestSqliteDriver(DriverSuite):
    """Every promise of the contract, on a new file each."""

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[SqliteDriver]:
        """Return an empty driver."""
        with SqliteDriver(tmp_path / "images.db") as driver:
            yield driver
