"""Keep images in a folder from a script of your own: no server, no network.

Usage: python embed_store.py FOLDER
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from distribution import Descriptor, Digest, Manifest, RepositoryName, StoredNamespace, Tag
from distribution.mediatypes import OCI_MANIFEST
from distribution.storage.drivers.filesystem import FilesystemDriver

if TYPE_CHECKING:
    from distribution.interfaces import Repository

EMPTY_JSON = "application/vnd.oci.empty.v1+json"
REPORT = "application/vnd.example.report"


def push_blob(repository: Repository, content: bytes) -> Digest:
    """Put *content* into *repository*; return its digest."""
    digest = Digest.of(content)
    started = repository.uploads.start()
    with repository.uploads.resume(started.id) as upload:
        upload.write(content)  # as often as you like; a large file goes in pieces
        upload.commit(digest)
    return digest


def push_report(repository: Repository, text: str, tag: Tag) -> Manifest:
    """Store *text* as an artifact of one layer, under *tag*."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": REPORT,
        "config": describe(repository, b"{}", EMPTY_JSON),
        "layers": [describe(repository, text.encode(), REPORT)],
    }
    manifest = Manifest.parse(json.dumps(document).encode())
    repository.manifests.put(manifest, [tag])
    return manifest


def describe(repository: Repository, content: bytes, media_type: str) -> dict[str, Any]:
    """Push *content*; return the descriptor by which a manifest names it."""
    digest = push_blob(repository, content)
    return {"mediaType": media_type, "digest": str(digest), "size": len(content)}


def read(repository: Repository, layer: Descriptor) -> bytes:
    """Return a layer's content, checked against its digest."""
    with repository.blobs.get(layer.digest).open() as reader:
        content = reader.read()
    if not layer.digest.matches(content):
        raise SystemExit(f"{layer.digest} is damaged")
    return content


def main(folder: str) -> None:
    """Push two reports, list what is there, read one back."""
    namespace = StoredNamespace(FilesystemDriver(folder))
    repository = namespace.repository(RepositoryName.parse("team/reports"))
    push_report(repository, "all is well\n", Tag.parse("monday"))
    latest = push_report(repository, "all is still well\n", Tag.parse("tuesday"))

    for name in namespace.repositories(limit=100).items:
        tags = namespace.repository(name).tags.page(limit=100).items
        print(f"{name}: {', '.join(str(tag) for tag in tags)}")

    found = repository.manifests.get(Tag.parse("tuesday"))
    print(f"tuesday is {found.digest}, as pushed: {found.digest == latest.digest}")
    _config, layer = found.references()
    print(read(repository, layer).decode(), end="")


if __name__ == "__main__":
    main(sys.argv[1])
