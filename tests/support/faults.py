"""What the fault tests share: looking over a tree that went through something."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

_REGISTRY = Path("docker/registry/v2")
_READ_BYTES = 1 << 20


def damaged(root: Path) -> list[str]:
    """Return the blobs below a filesystem driver's *root* that are not what their folder says."""
    found = []
    for data in sorted((root / _REGISTRY / "blobs").glob("*/*/*/data")):
        hasher = hashlib.new(data.parents[2].name)
        with data.open("rb") as content:
            while chunk := content.read(_READ_BYTES):
                hasher.update(chunk)
        if hasher.hexdigest() != data.parent.name:
            found.append(str(data.relative_to(root)))
    return found


def sessions(root: Path) -> Iterator[tuple[str, str]]:
    """Yield repository and identifier of each upload session that left a folder behind."""
    repositories = root / _REGISTRY / "repositories"
    for folder in sorted(repositories.rglob("_uploads")):
        for session in sorted(folder.iterdir()):
            yield str(folder.parent.relative_to(repositories)), session.name
