"""Link files: small files whose content is a digest."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from distribution.digest import Digest
from distribution.errors import InvalidDigestError, PathNotFoundError

if TYPE_CHECKING:
    from distribution.storage.drivers.base import StorageDriver

_log = logging.getLogger(__name__)

#: Paths remembered as reported.
_REPORT_LIMIT: Final = 1000


class Links:
    """Reads and writes links.

    Crashes of older registries left empty links behind (distribution #4489, #1960); a link that
    holds no digest counts as absent, and is reported once.
    """

    def __init__(self, driver: StorageDriver) -> None:
        """Keep links in *driver*."""
        self._driver = driver
        self._reported: set[str] = set()

    def read(self, path: str) -> Digest:
        """Return the digest in a link.

        Raises:
            PathNotFoundError: no link at *path*, or none that holds a digest.
        """
        content = self._driver.get(path)
        try:
            return Digest.parse(content.decode("ascii", "replace").strip())
        except InvalidDigestError as error:
            if path not in self._reported and len(self._reported) < _REPORT_LIMIT:
                self._reported.add(path)
                _log.warning("link %s holds no digest but %r: ignored", path, content[:100])
            raise PathNotFoundError(path) from error

    def write(self, path: str, digest: Digest) -> None:
        """Let a link hold *digest*, durably."""
        self._driver.put(path, str(digest).encode())
