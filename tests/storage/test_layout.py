"""The layout, path by path, as Docker Distribution writes it (registry-facts 1.4)."""

import pytest

from distribution import Digest, RepositoryName, Tag
from distribution.storage import layout

NAME = RepositoryName("library/app")
HEX = "ab" + "c" * 62
LONG = "de" + "f" * 126
SHA256, SHA512 = Digest("sha256", HEX), Digest("sha512", LONG)
ROOT = "/docker/registry/v2"
APP = f"{ROOT}/repositories/library/app"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (layout.blob(SHA256), f"{ROOT}/blobs/sha256/ab/{HEX}"),
        (layout.blob_data(SHA256), f"{ROOT}/blobs/sha256/ab/{HEX}/data"),
        (layout.blob_data(SHA512), f"{ROOT}/blobs/sha512/de/{LONG}/data"),
        (layout.blob_holders(SHA256), f"{ROOT}/blobs/sha256/ab/{HEX}/repositories"),
        (layout.layer(NAME, SHA256), f"{APP}/_layers/sha256/{HEX}"),
        (layout.layer_link(NAME, SHA512), f"{APP}/_layers/sha512/{LONG}/link"),
        (layout.revisions(NAME), f"{APP}/_manifests/revisions"),
        (layout.revision(NAME, SHA256), f"{APP}/_manifests/revisions/sha256/{HEX}"),
        (layout.revision_link(NAME, SHA256), f"{APP}/_manifests/revisions/sha256/{HEX}/link"),
        (layout.tags(NAME), f"{APP}/_manifests/tags"),
        (layout.tag(NAME, Tag("1.0")), f"{APP}/_manifests/tags/1.0"),
        (layout.tag_current(NAME, Tag("1.0")), f"{APP}/_manifests/tags/1.0/current/link"),
        (
            layout.tag_index(NAME, Tag("1.0"), SHA256),
            f"{APP}/_manifests/tags/1.0/index/sha256/{HEX}/link",
        ),
        (layout.referrers(NAME, SHA256), f"{APP}/_referrers/sha256/{HEX}"),
        (
            layout.in_folder(layout.referrer(NAME, SHA256, SHA512)),
            f"{APP}/_referrers/sha256/{HEX}/sha512/{LONG}/link",
        ),
        (layout.upload(NAME, "id"), f"{APP}/_uploads/id"),
    ],
)
def test_paths(path, expected):
    """Each thing lies at its one path."""
    assert path == expected
