"""A content-addressable store of container images, and a registry that serves it.

>>> import distribution
>>> from distribution.storage.drivers.memory import MemoryDriver
>>> repository = distribution.StoredNamespace(MemoryDriver()).repository(
...     distribution.RepositoryName.parse("library/hello"))
>>> with repository.uploads.resume(repository.uploads.start().id) as upload:
...     upload.write(b"hello")
...     upload.commit(distribution.Digest.of(b"hello")).size
5
"""

from distribution.digest import Digest
from distribution.errors import DistributionError
from distribution.manifest import Descriptor, Manifest
from distribution.reference import Reference, RepositoryName, Tag
from distribution.storage import StoredNamespace, StoreOptions

__all__ = [
    "Descriptor",
    "Digest",
    "DistributionError",
    "Manifest",
    "Reference",
    "RepositoryName",
    "StoreOptions",
    "StoredNamespace",
    "Tag",
]
