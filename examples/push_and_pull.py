"""Push and pull an image without a server; then serve the same folder and pull over HTTP.

Usage: python push_and_pull.py FOLDER
"""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import tarfile
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from distribution import Digest, Manifest, RepositoryName, StoredNamespace, Tag
from distribution.mediatypes import OCI_MANIFEST
from distribution.storage.drivers.filesystem import FilesystemDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distribution.interfaces import Repository

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = RepositoryName.parse("examples/hello")
TAG = Tag.parse("1")


def make_image() -> tuple[Manifest, list[bytes]]:
    """Return a manifest, and the config and layer that it refers to."""
    layer = make_layer({"hello.txt": b"hello\n"})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer))]},
    }
    blobs = [json.dumps(config).encode(), layer]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": describe(blobs[0], CONFIG),
        "layers": [describe(layer, LAYER)],
    }
    return Manifest.parse(json.dumps(document).encode()), blobs


def make_layer(files: dict[str, bytes]) -> bytes:
    """Return a tar archive of *files*."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def describe(content: bytes, media_type: str) -> dict[str, Any]:
    """Return the descriptor by which a manifest names *content*."""
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def push(repository: Repository, manifest: Manifest, blobs: list[bytes]) -> None:
    """Store the blobs first: a manifest is refused while something it names is missing."""
    for content in blobs:
        digest = Digest.of(content)
        with repository.uploads.resume(repository.uploads.start().id) as upload:
            upload.write(content)
            upload.commit(digest)
    repository.manifests.put(manifest, [TAG])


def pull(repository: Repository) -> dict[Digest, bytes]:
    """Return the manifest under the tag, and all that it refers to, verified."""
    manifest = repository.manifests.get(TAG)
    pulled = {manifest.digest: manifest.raw}
    for reference in manifest.references():
        with repository.blobs.get(reference.digest).open() as reader:
            pulled[reference.digest] = verified(reference.digest, reader.read())
    return pulled


def pull_over_http(url: str) -> dict[Digest, bytes]:
    """Do the same from a registry."""
    with urlopen(f"{url}/v2/{NAME}/manifests/{TAG}") as response:  # noqa: S310 - our own URL
        digest = Digest.parse(response.headers["Docker-Content-Digest"])
        manifest = Manifest.parse(
            verified(digest, response.read()), response.headers["Content-Type"]
        )
    pulled = {digest: manifest.raw}
    for reference in manifest.references():
        with urlopen(f"{url}/v2/{NAME}/blobs/{reference.digest}") as response:  # noqa: S310
            pulled[reference.digest] = verified(reference.digest, response.read())
    return pulled


def verified(digest: Digest, content: bytes) -> bytes:
    """Return *content*, having made sure that it is *digest*'s."""
    if not digest.matches(content):
        raise SystemExit(f"{digest} is damaged")
    return content


@contextmanager
def registry(folder: str) -> Iterator[str]:
    """Serve *folder* until the block ends; yield the address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "distribution", "serve", "--addr", address, "--data", folder]
    process = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        wait_for(f"http://{address}/v2/", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once *url* answers."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(url).close()  # noqa: S310 - our own URL
        except URLError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the registry did not start")


def main(folder: str) -> None:
    """Push once, pull twice."""
    repository = StoredNamespace(FilesystemDriver(folder)).repository(NAME)
    manifest, blobs = make_image()
    push(repository, manifest, blobs)
    print(f"pushed {NAME}:{TAG} as {manifest.digest}", flush=True)

    stored = pull(repository)
    print(f"pulled {len(stored)} verified parts from {folder}", flush=True)

    with registry(folder) as url:
        served = pull_over_http(url)
    print(
        f"pulled {len(served)} verified parts over HTTP; the same bytes: {served == stored}",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1])
