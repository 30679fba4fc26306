"""Layers far larger than the server's memory: both ways, and several at once."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, descriptor, noise
from tests.support.tools import unavailable

MIB = 1 << 20
GIB = 1 << 30

#: How much the workers' peak memory may grow, all of them together.
GROWTH_BYTES = 100 * MIB

#: The layout, the registry's copy and the copy that comes back, with something to spare.
DISK_BYTES = 8 * GIB


@dataclass
class Stream:
    """Content in pieces of a MiB, none like another, hashed while it is read."""

    size: int
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        body = noise(MIB - 8)
        for number in range(self.size // MIB):
            piece = number.to_bytes(8, "big") + body
            self.hash.update(piece)
            yield piece

    @property
    def digest(self) -> str:
        return f"sha256:{self.hash.hexdigest()}"


def peaks(server) -> int:
    """Return the workers' peak resident memory in bytes, summed."""
    return sum(_status_kib(pid, "VmHWM") for pid in server.workers) * 1024


def _status_kib(pid, key):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


@pytest.fixture
def busy(serve):
    """A registry of this test's own, whose workers have all served something already."""
    server = serve()
    client = Client(server.url)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.push_blob("warm", noise(4 * MIB)), range(16)))
    return server


@pytest.fixture
def flat_memory(busy, capsys):
    """Watch the workers' memory: print its growth, and bear none to speak of."""

    @contextmanager
    def watch():
        workers, before = busy.workers, peaks(busy)
        yield
        after = peaks(busy)
        with capsys.disabled():
            figures = f"{before / MIB:.0f} MiB before, {after / MIB:.0f} MiB after"
            print(f"\npeak memory of {len(workers)} workers: {figures}")
        assert busy.workers == workers  # one that died and came back has forgotten its peak
        assert after - before < GROWTH_BYTES

    return watch


@pytest.fixture
def room(tmp_path):
    """A folder with room for several copies, emptied at once: pytest keeps folders for a while."""
    free = shutil.disk_usage(tmp_path).free
    if free < DISK_BYTES:
        unavailable(f"{DISK_BYTES // GIB} GiB of disk wanted, {free // GIB} free")
    yield tmp_path
    for each in tmp_path.iterdir():
        shutil.rmtree(each)


def write_big_layout(folder, size):
    """Write an image layout with one layer of *size* bytes; return its digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer = Stream(size)
    with (folder / "layer").open("wb") as file:
        for piece in layer:
            file.write(piece)
    (folder / "layer").rename(blobs / layer.hash.hexdigest())
    config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [{"mediaType": OCI_LAYER, "digest": layer.digest, "size": size}],
    }
    raw = json.dumps(manifest).encode()
    for content in (config, raw):
        (blobs / hashlib.sha256(content).hexdigest()).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    named = {"org.opencontainers.image.ref.name": "1"}
    listed = {"schemaVersion": 2, "manifests": [descriptor(raw, OCI_MANIFEST, annotations=named)]}
    (folder / "index.json").write_text(json.dumps(listed))
    return layer.digest


def digest_of(path):
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def test_layer_of_2_gib_goes_both_ways(room, busy, flat_memory, skopeo):
    """skopeo pushes and pulls a layer of 2 GiB, and the server's memory stays flat."""
    digest = write_big_layout(room / "in", 2 * GIB)
    there = f"docker://{busy.address}/big:1"
    copy = ["copy", "--preserve-digests"]
    with flat_memory():
        skopeo(*copy, "--dest-tls-verify=false", f"oci:{room}/in:1", there)
        shutil.rmtree(room / "in")
        skopeo(*copy, "--src-tls-verify=false", there, f"oci:{room}/out:1")
    back = room / "out" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    assert back.stat().st_size == 2 * GIB
    assert digest_of(back) == digest


def test_four_uploads_of_256_mib_at_once(room, busy, flat_memory):
    """Four streams of 256 MiB at the same time are taken whole, and memory stays flat."""
    client = Client(busy.url)

    def upload(number):
        stream = Stream(256 * MIB)
        sent = client.request("PATCH", client.start(f"many/{number}"), body=iter(stream))
        assert sent.status == 202, sent.data
        query = {"digest": stream.digest}
        return client.request("PUT", sent.headers["Location"], query=query).status, stream.digest

    with flat_memory(), ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(upload, range(4)))
    assert [status for status, _ in answers] == [201] * 4
    for number, (_, digest) in enumerate(answers):
        head = client.request("HEAD", f"/v2/many/{number}/blobs/{digest}")
        assert (head.status, int(head.headers["Content-Length"])) == (200, 256 * MIB)
