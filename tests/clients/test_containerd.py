"""containerd: pulls, pushes, and keeps content under the digests that it was pushed as."""

import hashlib

import pytest

from tests.support.contents import contents
from tests.support.images import image, index, layer, noise

PULL = ["images", "pull", "--plain-http", "--snapshotter", "native"]


@pytest.fixture
def ctr(containerd):
    return containerd.ctr


@pytest.fixture
def pushed(client, name):
    """An index of three images, all of them in the registry."""
    children = [
        image(layer({"a": noise(90_000)}), layer({"b": noise(9)}), architecture=architecture)
        for architecture in ("amd64", "arm64", "riscv64")
    ]
    for child in children:
        client.push(name, str(child.digest), child)
    multi = index(*children)
    client.push(name, "1", multi)
    return [multi, *children]


def held(ctr):
    """Return the digests in containerd's own store."""
    return set(ctr("content", "ls", "-q").split())


def test_pull(ctr, client, name, at):
    """An image is pulled and unpacked; all of its content is held under its digests."""
    source = image(layer({"a": noise(90_000)}))
    client.push(name, "1", source)
    ctr(*PULL, at())
    everything = [source.manifest, *source.blobs]
    digests = {f"sha256:{hashlib.sha256(content).hexdigest()}" for content in everything}
    assert digests <= held(ctr)
    assert f"{at()} {'application/vnd.oci'}" in " ".join(ctr("images", "ls").split())


def test_pull_by_digest(ctr, client, name, at):
    """An image is pulled by digest, without a tag."""
    source = image()
    client.push(name, "1", source)
    ctr(*PULL, f"{at().removesuffix(':1')}@{source.digest}")
    assert str(source.digest) in held(ctr)


def test_fetch_of_all_platforms(ctr, pushed, at):
    """Every platform of an index is fetched when that is asked for."""
    ctr("content", "fetch", "--plain-http", "--all-platforms", at())
    assert {str(each.digest) for each in pushed} <= held(ctr)


def test_push(ctr, pushed, client, name, at):
    """What was pulled is pushed elsewhere without a byte changed, all platforms of it."""
    ctr("content", "fetch", "--plain-http", "--all-platforms", at())
    ctr("images", "push", "--plain-http", at(below="/pushed"), at())
    assert contents(client, f"{name}/pushed") == contents(client, name)


def test_push_of_content_that_no_registry_has(ctr, command, client, name, at, tmp_path):
    """An imported image, whose layers must be sent as streams, is pushed as it is."""
    source = image(layer({"a": noise(3_000_000)}))
    client.push(name, "1", source)
    archive = tmp_path / "archive.tar"
    command(
        *("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--preserve-digests"),
        *(f"docker://{at()}", f"oci-archive:{archive}:imported"),
    )
    digest = next(iter(contents(client, name).manifests))
    for path in [f"manifests/{digest}", *[f"blobs/{each}" for each in blobs(source)]]:
        assert client.request("DELETE", f"/v2/{name}/{path}").status == 202
    ctr("images", "import", "--snapshotter", "native", "--index-name", at(), archive)
    ctr("images", "push", "--plain-http", at())
    assert blobs(source) <= set(contents(client, name).blobs)


def blobs(source):
    return {f"sha256:{hashlib.sha256(content).hexdigest()}" for content in source.blobs}
