import pytest

from distribution.errors import ConfigurationError, InvalidOffsetError
from distribution.storage.drivers.memory import MemoryDriver
from distribution.storage.drivers.testing import DriverSuite


class TestMemoryDriver(DriverSuite):
    @pytest.fixture
    def driver(self):
        return MemoryDriver()


class TestMemoryDriverWithParts(DriverSuite):
    @pytest.fixture
    def driver(self):
        return MemoryDriver(minimum_part=5)


def test_tail_is_what_fills_no_part():
    """Of 13 bytes in parts of 5, three wait in the tail."""
    writer = MemoryDriver(minimum_part=5).writer("/a")
    writer.write(b"0123456789abc")
    state, tail = writer.suspend()
    assert (state["size"], tail) == (10, b"abc")


def test_state_that_speaks_of_more_than_is_stored():
    """A state ahead of the bytes cannot be gone on from."""
    driver = MemoryDriver()
    writer = driver.writer("/a")
    writer.write(b"0123")
    state, tail = writer.suspend()
    with pytest.raises(InvalidOffsetError) as caught:
        driver.writer("/a", {**state, "size": 5}, tail)
    assert caught.value.offset == 5


def test_takes_no_parameters():
    """A parameter is a mistake, and the message says which."""
    assert MemoryDriver.from_parameters({}).properties.conditional_put
    with pytest.raises(ConfigurationError, match=r"storage\.inmemory\.size: .*given: 5"):
        MemoryDriver.from_parameters({"size": 5})
