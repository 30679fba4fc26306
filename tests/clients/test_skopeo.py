"""skopeo: images of every kind go in and come out, byte for byte."""

import json

import pytest

from tests.support.contents import contents, layout_blobs, tags
from tests.support.images import image, index, layer, noise, write_dir, write_layout
from tests.support.tools import require

PUSH = ("--dest-tls-verify=false", "--preserve-digests", "--all")
PULL = ("--src-tls-verify=false", "--preserve-digests", "--all")


@pytest.fixture
def copy_in(skopeo, at):
    """Push what an OCI image layout has under the tag 1."""
    return lambda folder: skopeo("copy", *PUSH, f"oci:{folder}:1", f"docker://{at()}")


def three_platforms(*, docker=False):
    children = [image(layer({f"file{n}": noise(5000)}), docker=docker) for n in range(3)]
    return index(*children, docker=docker), children


def files(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def made_by_umoci(command, folder):
    require("umoci")
    (folder / "content").write_bytes(noise(40_000))
    layout = folder / "umoci"
    command("umoci", "init", "--layout", layout)
    command("umoci", "new", "--image", f"{layout}:1")
    command("umoci", "insert", "--image", f"{layout}:1", folder / "content", "/content")
    command("umoci", "config", "--image", f"{layout}:1", "--config.cmd", "/content")
    command("umoci", "gc", "--layout", layout)
    return layout


def made_by_buildah(command, folder):
    require("buildah")
    (folder / "content").write_bytes(noise(40_000))
    store = ["--storage-driver", "vfs", "--root", folder / "bah", "--runroot", folder / "run"]
    container = command("buildah", *store, "from", "scratch").strip()
    command("buildah", *store, "copy", container, folder / "content", "/content")
    command("buildah", *store, "config", "--cmd", "/content", container)
    command("buildah", *store, "commit", "--rm", container, f"oci:{folder}/buildah:1")
    return folder / "buildah"


@pytest.mark.parametrize("make", [made_by_umoci, made_by_buildah])
def test_image_of_a_build_tool_comes_back(make, skopeo, command, copy_in, at, tmp_path):
    """What another tool made arrives and returns without a byte changed."""
    layout = make(command, tmp_path)
    copy_in(layout)
    skopeo("copy", *PULL, f"docker://{at()}", f"oci:{tmp_path}/back:1")
    assert layout_blobs(tmp_path / "back") == layout_blobs(layout)


def test_oci_image_comes_back(skopeo, copy_in, at, tmp_path):
    """An OCI image of several layers arrives and returns without a byte changed."""
    pushed = image(*[layer({f"file{n}": noise(3000 * n)}) for n in range(4)])
    layout = write_layout(tmp_path / "in", {"1": pushed})
    copy_in(layout)
    skopeo("copy", *PULL, f"docker://{at()}", f"oci:{tmp_path}/back:1")
    assert layout_blobs(tmp_path / "back") == layout_blobs(layout)


def test_oci_index_comes_back(skopeo, copy_in, at, tmp_path):
    """An index arrives and returns with all its images, without a byte changed."""
    multi, children = three_platforms()
    layout = write_layout(tmp_path / "in", {"1": multi}, children)
    copy_in(layout)
    skopeo("copy", *PULL, f"docker://{at()}", f"oci:{tmp_path}/back:1")
    assert layout_blobs(tmp_path / "back") == layout_blobs(layout)


@pytest.mark.parametrize("kind", ["image", "list"])
def test_docker_schema_2_comes_back(kind, skopeo, copy_in, client, name, at, tmp_path):
    """A Docker schema 2 image or list arrives and returns without a byte changed."""
    multi, children = three_platforms(docker=True)
    pushed, below = (multi, children) if kind == "list" else (children[0], [])
    folder = write_dir(tmp_path / "in", pushed, below)
    skopeo("copy", *PUSH, f"dir:{folder}", f"docker://{at()}")
    skopeo("copy", *PULL, f"docker://{at()}", f"dir:{tmp_path}/back")
    assert files(tmp_path / "back") == files(folder)
    assert contents(client, name).manifests[str(pushed.digest)][0] == pushed.media_type


def test_image_is_converted_on_the_way(skopeo, client, name, at, tmp_path):
    """An image that skopeo turns into schema 2, compressing its layers, is taken as it comes."""
    layout = write_layout(tmp_path / "in", {"1": image(layer({"zeros": bytes(100_000)}))})
    there = ["--dest-tls-verify=false", "--format", "v2s2"]
    skopeo("copy", *there, f"oci:{layout}:1", f"docker://{at()}")
    skopeo("copy", "--src-tls-verify=false", f"docker://{at()}", f"dir:{tmp_path}/back")
    (kind, raw) = next(iter(contents(client, name).manifests.values()))
    assert kind == "application/vnd.docker.distribution.manifest.v2+json"
    assert (tmp_path / "back" / "manifest.json").read_bytes() == raw


def test_copy_between_repositories(skopeo, copy_in, client, name, at, tmp_path):
    """A copy within the registry, by mounts where skopeo tries them, holds the same."""
    multi, children = three_platforms()
    copy_in(write_layout(tmp_path / "in", {"1": multi}, children))
    there = at(below="/other")
    skopeo("copy", *PULL, "--dest-tls-verify=false", f"docker://{at()}", f"docker://{there}")
    assert contents(client, f"{name}/other") == contents(client, name)


def test_inspect(skopeo, client, name, at):
    """`inspect` tells name, digest, layers and all tags."""
    pushed = image()
    client.push(name, "1", pushed)
    client.push(name, "1.0-rc_1", pushed)
    told = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{at()}"))
    assert told["Digest"] == str(pushed.digest)
    assert told["RepoTags"] == ["1", "1.0-rc_1"]
    assert told["Layers"] == [json.loads(pushed.manifest)["layers"][0]["digest"]]


def test_inspect_raw(skopeo, client, name, at):
    """`inspect --raw` by digest prints the manifest's very bytes."""
    pushed = image()
    client.push(name, "1", pushed)
    by_digest = at().removesuffix(":1") + f"@{pushed.digest}"
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{by_digest}")
    assert raw.encode() == pushed.manifest


def test_list_tags(skopeo, client, name, at):
    """`list-tags` follows the pages to the last tag."""
    pushed = image()
    client.push(name, "v0", pushed)
    for number in range(1, 30):
        assert client.push_manifest(name, f"v{number}", pushed).status == 201
    repository = at().removesuffix(":1")
    told = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{repository}"))
    assert told["Tags"] == sorted(f"v{number}" for number in range(30))


def test_delete(skopeo, client, name, at):
    """`delete` removes the manifest that a tag points at, and so all tags of it."""
    kept, gone = image(), image()
    client.push(name, "kept", kept)
    client.push(name, "1", gone)
    client.push(name, "too", gone)
    skopeo("delete", "--tls-verify=false", f"docker://{at()}")
    assert tags(client, name) == ["kept"]
    assert client.request("GET", f"/v2/{name}/manifests/{gone.digest}").status == 404


def test_sync(skopeo, client, name, server, tmp_path):
    """`sync` carries all tags of a repository out to a folder and in again elsewhere."""
    multi, children = three_platforms()
    for child in children:
        client.push(name, str(child.digest), child)
    client.push(name, "multi", multi)
    client.push(name, "1.0", children[0])
    repository = f"127.0.0.1:{server.port}/{name}"
    both = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
    skopeo("sync", *both, "--src", "docker", "--dest", "dir", repository, tmp_path / "out")
    skopeo("sync", *both, "--src", "dir", "--dest", "docker", tmp_path / "out", f"{repository}/in")
    base = name.rpartition("/")[2]
    assert contents(client, f"{name}/in/{base}") == contents(client, name)


def test_unknown_image(skopeo, at, tmp_path):
    """An image that is not there fails at once with the registry's own words."""
    said = skopeo("copy", *PULL, f"docker://{at('no')}", f"oci:{tmp_path}/no:1", check=False)
    assert "manifest unknown" in said
