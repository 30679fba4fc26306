"""Find a driver by the name that the configuration gives it.

Our own are in one table; a third party's register in the entry-point group
``distribution.storage.drivers``. Nothing is imported before it is named.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from distribution.errors import ConfigurationError
from distribution.storage.drivers.base import StorageDriver

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The entry-point group.
GROUP: Final = "distribution.storage.drivers"

_BUILT_IN: Final = {
    "filesystem": "distribution.storage.drivers.filesystem:FilesystemDriver",
    "inmemory": "distribution.storage.drivers.memory:MemoryDriver",
}


def names() -> list[str]:
    """Return the names of all drivers that can be configured."""
    return sorted({*_BUILT_IN, *(found.name for found in entry_points(group=GROUP))})


def create(name: str, parameters: Mapping[str, object]) -> StorageDriver:
    """Build the driver called *name*.

    Raises:
        ConfigurationError: there is none, or a parameter is wrong.
    """
    return _find(name).from_parameters(parameters)


def _find(name: str) -> type[StorageDriver]:
    found: object
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        found = getattr(import_module(module), attribute)
    else:
        registered = [point for point in entry_points(group=GROUP) if point.name == name]
        if not registered:
            raise ConfigurationError(
                f"storage.{name}: no such driver; there are {', '.join(names())}"
            )
        found = registered[0].load()
    if not isinstance(found, type) or not issubclass(found, StorageDriver):
        raise ConfigurationError(f"storage.{name}: {found!r} is not a StorageDriver class")
    return found
