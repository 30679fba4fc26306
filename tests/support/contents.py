"""What a registry serves, whole, so that two of them can be compared."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from distribution import Digest
from distribution.mediatypes import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.support.client import Client

#: Docker Distribution hides or converts what a client does not name.
ACCEPT = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"


@dataclass
class Contents:
    """Everything that can be reached from the tags of one repository, by digest."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Media type and bytes."""
    blobs: dict[str, bytes] = field(default_factory=dict)


def catalog(client: Client) -> list[str]:
    """Return the repositories, all pages of them, in the registry's order."""
    names: list[str] = []
    while True:
        query = {"n": "3", **({"last": names[-1]} if names else {})}
        response = client.request("GET", "/v2/_catalog", query=query)
        assert response.status == 200, response.data
        page = json.loads(response.data)["repositories"]
        names += page
        if "Link" not in response.headers:
            return names


def tags(client: Client, name: str) -> list[str]:
    """Return the tags of a repository, sorted, which Docker Distribution 2 leaves to others."""
    response = client.request("GET", f"/v2/{name}/tags/list")
    assert response.status == 200, response.data
    return sorted(json.loads(response.data)["tags"] or [])


def contents(client: Client, name: str) -> Contents:
    """Pull all of a repository by HEAD and GET; whatever disagrees with its digest fails here."""
    found = Contents()
    for tag in tags(client, name):
        found.tags[tag] = _manifest(client, name, tag, found)
    return found


def everything(client: Client) -> dict[str, Contents]:
    """Pull all of all repositories."""
    return {name: contents(client, name) for name in catalog(client)}


def layout_blobs(folder: Path) -> dict[str, bytes]:
    """Return all that an OCI image layout holds, by digest."""
    return {f"sha256:{each.name}": each.read_bytes() for each in folder.glob("blobs/sha256/*")}


def _manifest(client: Client, name: str, reference: str, found: Contents) -> str:
    path = f"/v2/{name}/manifests/{reference}"
    head = client.request("HEAD", path, Accept=ACCEPT)
    got = client.request("GET", path, Accept=ACCEPT)
    assert (head.status, got.status) == (200, 200), (name, reference, got.data)
    digest = str(Digest.of(got.data))
    for response in (head, got):
        told = (response.headers["Docker-Content-Digest"], int(response.headers["Content-Length"]))
        assert told == (digest, len(got.data))
        assert response.headers["ETag"] == f'"{digest}"'
    found.manifests[digest] = (got.headers["Content-Type"], got.data)
    document = json.loads(got.data)
    for child in document.get("manifests", []):
        assert _manifest(client, name, child["digest"], found) == child["digest"]
    for each in [document["config"], *document["layers"]] if "config" in document else []:
        found.blobs[each["digest"]] = _blob(client, name, each["digest"])
    return digest


def _blob(client: Client, name: str, digest: str) -> bytes:
    path = f"/v2/{name}/blobs/{digest}"
    head, got = client.request("HEAD", path), client.request("GET", path)
    assert (head.status, got.status) == (200, 200), (name, digest, got.data)
    assert int(head.headers["Content-Length"]) == len(got.data)
    assert str(Digest.of(got.data)) == digest
    return got.data
