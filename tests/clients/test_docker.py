"""docker: a real engine pulls, pushes and finds the same content."""

import gzip
import json

import pytest

from distribution.mediatypes import DOCKER_MANIFEST
from tests.support.contents import contents
from tests.support.images import image, index, layer, noise

PLATFORM = ["--platform", "linux/amd64"]


@pytest.fixture
def docker(dockerd):
    return dockerd.docker


def local(docker, reference):
    """Return what the engine knows of an image that it has."""
    return json.loads(docker("image", "inspect", reference))[0]


def forget(docker, reference):
    """Make the engine fetch the image anew next time."""
    docker("image", "rm", "--force", local(docker, reference)["Id"])


@pytest.mark.parametrize("docker_types", [True, False], ids=["schema 2", "oci"])
def test_pull(docker_types, docker, client, name, at):
    """The engine pulls and unpacks an image, and names it by the digest it was pushed as."""
    pushed = image(layer({"a": noise(9000)}), layer({"b": noise(9)}), docker=docker_types)
    client.push(name, "1", pushed)
    docker("pull", at())
    found = local(docker, at())
    config = json.loads(pushed.blobs[0])
    assert found["RepoDigests"] == [f"{at().removesuffix(':1')}@{pushed.digest}"]
    assert found["RootFS"]["Layers"] == config["rootfs"]["diff_ids"]


def test_pull_by_digest(docker, client, name, at):
    """The engine pulls by digest, without a tag."""
    pushed = image(docker=True)
    client.push(name, "1", pushed)
    by_digest = f"{at().removesuffix(':1')}@{pushed.digest}"
    docker("pull", by_digest)
    assert local(docker, by_digest)["RepoDigests"] == [by_digest]


@pytest.mark.parametrize("docker_types", [True, False], ids=["schema 2", "oci"])
def test_pull_picks_the_platform(docker_types, docker, client, name, at):
    """Of an index the engine pulls the image for its own platform."""
    children = [
        image(docker=docker_types, architecture=architecture)
        for architecture in ("amd64", "arm64", "riscv64")
    ]
    for child in children:
        client.push(name, str(child.digest), child)
    client.push(name, "1", index(*children, docker=docker_types))
    docker("pull", *PLATFORM, at())
    assert local(docker, at())["Architecture"] == "amd64"


def test_push(docker, client, name, at):
    """What the engine pushes holds the config and, unpacked, the layers that it has."""
    source = image(layer({"a": noise(300_000)}), layer({"b": noise(9)}), docker=True)
    client.push(name, "1", source)
    docker("pull", at())
    there = at(below="/pushed")
    docker("tag", at(), there)
    docker("push", there)
    found = contents(client, f"{name}/pushed")
    (kind, raw) = next(iter(found.manifests.values()))
    manifest = json.loads(raw)
    layers = [found.blobs[each["digest"]] for each in manifest["layers"]]
    assert kind == DOCKER_MANIFEST
    assert found.blobs[manifest["config"]["digest"]] == source.blobs[0]
    assert [unpacked(content) for content in layers] == source.blobs[1:]


def test_push_of_a_loaded_image(docker, dockerd, command, client, name, at, tmp_path):
    """A layer that no registry has seen is sent as one stream, and can be pulled again."""
    source = image(layer({"a": noise(2_000_000)}), docker=True)
    client.push(name, "source", source)
    archive = tmp_path / "archive.tar"
    command(
        *("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false"),
        *(f"docker://{at('source')}", f"docker-archive:{archive}:{at(below='/loaded')}"),
    )
    docker("load", "--input", archive)
    docker("push", at(below="/loaded"))
    forget(docker, at(below="/loaded"))
    docker("pull", at(below="/loaded"))
    layers = local(docker, at(below="/loaded"))["RootFS"]["Layers"]
    assert layers == json.loads(source.blobs[0])["rootfs"]["diff_ids"]


def test_push_again(docker, client, name, at):
    """A second push of the same image sends nothing and changes nothing."""
    client.push(name, "1", image(docker=True))
    docker("pull", at())
    there = at(below="/again")
    docker("tag", at(), there)
    docker("push", there)
    before = contents(client, f"{name}/again")
    assert "Layer already exists" in docker("push", there)
    assert contents(client, f"{name}/again") == before


def test_unknown_image(docker, at):
    """An image that is not there fails with the registry's words."""
    assert "manifest unknown" in docker("pull", at("no"), check=False)


def unpacked(content):
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
