"""podman: pulls, pushes, and pushes manifest lists whole."""

import gzip
import json
from tempfile import TemporaryDirectory

import pytest

from tests.support.contents import contents
from tests.support.images import image, index, layer, noise
from tests.support.tools import require


@pytest.fixture
def podman(command, tmp_path):
    require("podman")
    quiet = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]
    # podman refuses a run root of more than 50 characters, which this test's own folder has.
    with TemporaryDirectory(prefix="pod") as run_root:
        store = ["--root", tmp_path / "store", "--runroot", run_root]
        yield lambda *parts, **options: command("podman", *quiet, *store, *parts, **options)


def two_layers(architecture="amd64"):
    return image(layer({"a": noise(90_000)}), layer({"b": noise(9)}), architecture=architecture)


def test_pull(podman, client, name, at):
    """An image is pulled under the digest that it was pushed as."""
    pushed = two_layers()
    client.push(name, "1", pushed)
    podman("pull", "--tls-verify=false", at())
    found = json.loads(podman("image", "inspect", at()))[0]
    assert found["Digest"] == str(pushed.digest)
    assert found["RootFS"]["Layers"] == json.loads(pushed.blobs[0])["rootfs"]["diff_ids"]


def test_pull_picks_the_platform(podman, client, name, at):
    """Of an index podman pulls the image for the platform that it is asked for."""
    children = [two_layers(architecture) for architecture in ("amd64", "arm64")]
    for child in children:
        client.push(name, str(child.digest), child)
    client.push(name, "1", index(*children))
    podman("pull", "--tls-verify=false", "--arch", "arm64", at())
    found = json.loads(podman("image", "inspect", at()))[0]
    assert found["Architecture"] == "arm64"
    assert str(children[1].digest) in {found["Digest"], *digests(found)}


def test_push(podman, client, name, at):
    """What was pulled is pushed elsewhere with the same config and, unpacked, the same layers."""
    pushed = two_layers()
    client.push(name, "1", pushed)
    podman("pull", "--tls-verify=false", at())
    podman("push", "--tls-verify=false", at(), at(below="/pushed"))
    found = contents(client, f"{name}/pushed")
    manifest = json.loads(next(iter(found.manifests.values()))[1])
    layers = [unpacked(found.blobs[each["digest"]]) for each in manifest["layers"]]
    assert found.blobs[manifest["config"]["digest"]] == pushed.blobs[0]
    assert layers == pushed.blobs[1:]


@pytest.mark.parametrize("form", ["v2s2", "oci"])
def test_manifest_push_all(form, podman, client, name, at):
    """`manifest push --all` sends a list with its images, which can be pulled by digest."""
    children = [two_layers(architecture) for architecture in ("amd64", "arm64")]
    client.push(name, "amd64", children[0])
    client.push(name, "arm64", children[1])
    podman("manifest", "create", "made")
    for architecture in ("amd64", "arm64"):
        source = f"docker://{at(architecture)}"
        podman("manifest", "add", "--tls-verify=false", "made", source)
    there = f"docker://{at(below='/pushed')}"
    podman("manifest", "push", "--all", "--tls-verify=false", "--format", form, "made", there)
    found = contents(client, f"{name}/pushed")
    top = json.loads(found.manifests[found.tags["1"]][1])
    assert [each["platform"]["architecture"] for each in top["manifests"]] == ["amd64", "arm64"]
    assert {child.blobs[0] for child in children} <= set(found.blobs.values())


def test_unknown_image(podman, at):
    """An image that is not there fails with the registry's words."""
    assert "manifest unknown" in podman("pull", "--tls-verify=false", at("no"), check=False)


def digests(found):
    return {each.rpartition("@")[2] for each in found["RepoDigests"]}


def unpacked(content):
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
