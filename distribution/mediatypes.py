"""Media types that the registry must tell apart; all others are opaque to it.

Sources: OCI image spec 1.1 ("Media Types") and Docker's "Image Manifest V 2, Schema 2".
"""

from __future__ import annotations

import re
from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"

#: Schema 1: served as stored, never accepted.
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

IMAGES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})

#: What a manifest PUT may carry.
MANIFESTS: Final = IMAGES | INDEXES

OCTET_STREAM: Final = "application/octet-stream"

_OCI_FOREIGN: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"

#: Layers that may be absent here: clients fetch them from their own URLs.
NON_DISTRIBUTABLE: Final = frozenset(
    {
        _OCI_FOREIGN,
        f"{_OCI_FOREIGN}+gzip",
        f"{_OCI_FOREIGN}+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    }
)

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_!#$&^.+-]{0,126}"
_GRAMMAR: Final = re.compile(f"{_NAME}/{_NAME}")


def is_media_type(text: object) -> bool:
    r"""Say whether *text* follows RFC 6838, section 4.2, and so may stand in a header.

    >>> is_media_type("application/json"), is_media_type("a/b\r\nX: y")
    (True, False)
    """
    return isinstance(text, str) and _GRAMMAR.fullmatch(text) is not None


def strip_parameters(header: str) -> str:
    """Return the bare type of a ``Content-Type`` header.

    >>> strip_parameters("Application/JSON; charset=utf-8")
    'application/json'
    """
    return header.partition(";")[0].strip().lower()
