import sys
from importlib.metadata import EntryPoint

import pytest

from distribution.errors import ConfigurationError
from distribution.storage.drivers import factory
from distribution.storage.drivers.filesystem import FilesystemDriver
from distribution.storage.drivers.memory import MemoryDriver

CUSTOM = EntryPoint("custom", f"{__name__}:CustomDriver", factory.GROUP)


class CustomDriver(MemoryDriver):
    """A third party's."""

    name = "custom"


@pytest.fixture
def installed(monkeypatch):
    """Let distributions of this name: object register drivers."""
    points = []
    monkeypatch.setattr(factory, "entry_points", lambda *, group: points)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[CustomDriver.__module__])
    return points


def test_makes_the_built_in_drivers(tmp_path):
    """The configuration's names lead to our classes."""
    made = factory.create("filesystem", {"rootdirectory": str(tmp_path), "maxthreads": "100"})
    assert isinstance(made, FilesystemDriver)
    assert made.root == tmp_path
    assert isinstance(factory.create("inmemory", {}), MemoryDriver)


def test_unknown_name_tells_which_there_are():
    """A misspelt driver is refused, and the known ones are named."""
    with pytest.raises(ConfigurationError, match=r"storage\.filesytem: .*filesystem, inmemory"):
        factory.create("filesytem", {})


def test_wrong_parameter_is_named():
    """A parameter that the driver does not know is a mistake, not a silence."""
    with pytest.raises(ConfigurationError, match=r"storage\.filesystem\.rootdir: .*'/x'"):
        factory.create("filesystem", {"rootdir": "/x"})


def test_entry_point_registers_a_driver(installed):
    """A third party's driver is made by its name, like any other."""
    installed.append(CUSTOM)
    assert type(factory.create("custom", {})).__name__ == "CustomDriver"
    assert factory.names() == ["custom", "filesystem", "inmemory"]


def test_built_in_names_cannot_be_taken(installed, tmp_path):
    """A third party cannot put itself in the place of a driver of ours."""
    installed.append(EntryPoint("inmemory", "json:dumps", factory.GROUP))
    assert type(factory.create("inmemory", {})) is MemoryDriver


@pytest.mark.parametrize("target", ["json:dumps", "json:JSONDecoder"])
def test_entry_point_that_is_no_driver(installed, target):
    """What an entry point names must be a driver class."""
    installed.append(EntryPoint("odd", target, factory.GROUP))
    with pytest.raises(ConfigurationError, match=r"storage\.odd: .* is not a StorageDriver class"):
        factory.create("odd", {})


def test_nothing_is_imported_before_it_is_named(installed):
    """A broken third-party driver does not disturb the others."""
    installed.append(EntryPoint("broken", "no_such_module:Driver", factory.GROUP))
    assert isinstance(factory.create("inmemory", {}), MemoryDriver)
