"""Content-addressable storage of images over pluggable drivers."""

from distribution.storage.namespace import StoredNamespace
from distribution.storage.store import StoreOptions

__all__ = ["StoreOptions", "StoredNamespace"]
