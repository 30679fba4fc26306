"""ORAS: artifacts of media types of their own, and what refers to them."""

import json
from pathlib import Path

import pytest
from oras.oci import Subject
from oras.provider import Registry

from tests.support.images import noise

TEXT = "application/vnd.example.notes.v1+text"
CONFIG = "application/vnd.example.config.v1+json"


@pytest.fixture
def oras(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # no credentials of this machine's user
    return Registry(server.address, insecure=True)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"made": "by a test"}')
    return path


@pytest.fixture
def push(oras, at, config):
    """Push files as one artifact; further arguments are oras's."""

    def run(*files, tag="1", **more):
        return oras.push(
            at(tag),
            files=[f"{path}:{TEXT}" for path in files],
            manifest_config=f"{config}:{CONFIG}",
            disable_path_validation=True,
            **more,
        )

    return run


def make_files(folder, *sizes):
    paths = [folder / f"file{number}" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(noise(size))
    return paths


@pytest.mark.parametrize("chunked", [False, True], ids=["one PUT", "chunks"])
def test_artifact_comes_back(chunked, push, oras, at, tmp_path):
    """The files of an artifact come back under their names, however they are sent."""
    files = make_files(tmp_path, 0, 10, 250_000)
    push(*files, do_chunked=chunked, chunk_size=100_000)
    pulled = [Path(path) for path in oras.pull(at(), outdir=str(tmp_path / "out"))]
    assert {each.name: each.read_bytes() for each in pulled} == {
        each.name: each.read_bytes() for each in files
    }


def test_media_types_are_kept(push, oras, at, tmp_path):
    """The artifact's own media types and annotations are served as they were pushed."""
    push(*make_files(tmp_path, 10), manifest_annotations={"org.example.a": "b"})
    manifest = oras.get_manifest(oras.get_container(at()))
    assert manifest["config"]["mediaType"] == CONFIG
    assert [each["mediaType"] for each in manifest["layers"]] == [TEXT]
    assert manifest["annotations"] == {"org.example.a": "b"}


def test_folder_comes_back(oras, at, tmp_path):
    """A folder, which oras packs itself, comes back with its files."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (file,) = make_files(folder, 1000)
    oras.push(at(), files=[str(folder)], disable_path_validation=True)
    oras.pull(at(), outdir=str(tmp_path / "out"))
    assert (tmp_path / "out" / "folder" / file.name).read_bytes() == file.read_bytes()


def test_referrer_is_listed(push, client, name, tmp_path):
    """An artifact pushed with a subject is listed as its referrer, and pulled from the list."""
    subject = push(*make_files(tmp_path, 10))
    digest = subject.headers["Docker-Content-Digest"]
    size = len(client.request("GET", f"/v2/{name}/manifests/{digest}").data)
    media_type = "application/vnd.oci.image.manifest.v1+json"
    attached = push(
        *make_files(tmp_path, 20), tag="signature", subject=Subject(media_type, digest, size)
    )
    listed = json.loads(client.request("GET", f"/v2/{name}/referrers/{digest}").data)
    assert attached.headers["OCI-Subject"] == digest
    (found,) = listed["manifests"]
    assert found["digest"] == attached.headers["Docker-Content-Digest"]
    assert found["artifactType"] == CONFIG


def test_all_tags(push, oras, at, tmp_path):
    """oras follows the pages of a tag list to the end."""
    file = make_files(tmp_path, 10)
    for number in range(7):
        push(*file, tag=f"v{number}")
    assert oras.get_tags(at(), N=3) == ["v0", "v1", "v2"]
    assert oras.get_tags(at()) == [f"v{number}" for number in range(7)]


def test_delete_tag(push, oras, at, tmp_path):
    """oras deletes by the digest of the tag's manifest."""
    push(*make_files(tmp_path, 10))
    assert oras.delete_tag(at(), "1") is True
    assert oras.get_tags(at()) == []
