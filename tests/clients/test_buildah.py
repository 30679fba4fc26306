"""buildah: builds from nothing, pushes, and finds its files in what it pulls."""

import hashlib
from pathlib import Path

import pytest

from tests.support.contents import contents
from tests.support.images import noise
from tests.support.tools import require


@pytest.fixture
def buildah(command, tmp_path):
    """buildah with a store of its own, by name: what one pushed another must pull."""
    require("buildah")

    def run(*parts, store="first"):
        folders = ["--root", tmp_path / store, "--runroot", tmp_path / f"{store}-run"]
        return command("buildah", "--storage-driver", "vfs", *folders, *parts)

    return run


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_built_image_is_pulled_elsewhere(form, buildah, at, tmp_path):
    """A file in an image built from scratch is the same file after push and pull."""
    content = noise(200_000)
    (tmp_path / "content").write_bytes(content)
    container = buildah("from", "scratch").strip()
    buildah("copy", container, tmp_path / "content", "/folder/content")
    buildah("commit", "--format", form.replace("v2s2", "docker"), container, "built")
    buildah("push", "--tls-verify=false", "--format", form, "built", f"docker://{at()}")
    pulled = buildah("from", "--tls-verify=false", at(), store="second").strip()
    mounted = Path(buildah("mount", pulled, store="second").strip())
    try:
        assert (mounted / "folder" / "content").read_bytes() == content
    finally:
        buildah("umount", pulled, store="second")


def test_push_tells_the_digest(buildah, client, name, at, tmp_path):
    """The digest that buildah noted of its push is the one that the registry serves."""
    (tmp_path / "content").write_bytes(noise(100))
    container = buildah("from", "scratch").strip()
    buildah("copy", container, tmp_path / "content", "/content")
    buildah("commit", container, "built")
    noted = tmp_path / "digest"
    buildah("push", "--tls-verify=false", "--digestfile", noted, "built", f"docker://{at()}")
    found = contents(client, name)
    assert found.tags == {"1": noted.read_text()}
    raw = found.manifests[found.tags["1"]][1]
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == noted.read_text()
