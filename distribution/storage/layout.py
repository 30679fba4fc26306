"""Where everything lives: the registry v2 layout, as pure functions.

The tree is the one that Docker Distribution writes, so that either can serve the other's. Ours
alone are ``_referrers``, the files `record` and `tail` of a session, and the blobs' `holders`.

    <ROOT>/blobs/<alg>/<hh>/<hex>/data                                the bytes
                                 /repositories                       some who link them (ours)
    <ROOT>/repositories/<name>/_layers/<alg>/<hex>/link               may serve this blob
                              /_manifests/revisions/<alg>/<hex>/link  may serve this manifest
                              /_manifests/tags/<tag>/current/link     what the tag points at
                                              /<tag>/index/<alg>/<hex>/link     and ever did
                              /_referrers/<alg>/<subject>/<alg>/<hex>/link      (ours)
                              /_uploads/<id>/{data,startedat,hashstates/<alg>/<offset>}
                                            /{record,tails/<offset>}            (ours)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from distribution.digest import Digest
    from distribution.reference import RepositoryName, Tag

ROOT: Final = "/docker/registry/v2"
BLOBS: Final = f"{ROOT}/blobs"
REPOSITORIES: Final = f"{ROOT}/repositories"

#: The component that ends a tag's way to its digest.
LINK: Final = "link"


def blob(digest: Digest) -> str:
    """Return the folder of a blob.

    >>> from distribution.digest import Digest
    >>> blob(Digest("sha256", "ab" * 32))[:42]
    '/docker/registry/v2/blobs/sha256/ab/ababab'
    """
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def blob_data(digest: Digest) -> str:
    """Return the one path that holds the blob's bytes."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def blob_holders(digest: Digest) -> str:
    """Return the path of the names of some repositories that link the blob."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/repositories"


def layer(name: RepositoryName, digest: Digest) -> str:
    """Return the folder whose link means that the repository may serve the blob."""
    return f"{REPOSITORIES}/{name.text}/_layers/{digest.algorithm}/{digest.hex}"


def layer_link(name: RepositoryName, digest: Digest) -> str:
    """Return the path whose presence means that the repository may serve the blob."""
    return f"{REPOSITORIES}/{name.text}/_layers/{digest.algorithm}/{digest.hex}/link"


def revisions(name: RepositoryName) -> str:
    """Return the folder of all manifests of a repository."""
    return f"{REPOSITORIES}/{name.text}/_manifests/revisions"


def revision(name: RepositoryName, digest: Digest) -> str:
    """Return the folder whose link means that the repository may serve the manifest."""
    return f"{REPOSITORIES}/{name.text}/_manifests/revisions/{digest.algorithm}/{digest.hex}"


def revision_link(name: RepositoryName, digest: Digest) -> str:
    """Return the path whose presence means that the repository may serve the manifest."""
    return f"{REPOSITORIES}/{name.text}/_manifests/revisions/{digest.algorithm}/{digest.hex}/link"


def tags(name: RepositoryName) -> str:
    """Return the folder of all tags of a repository."""
    return f"{REPOSITORIES}/{name.text}/_manifests/tags"


def tag(name: RepositoryName, tag: Tag) -> str:
    """Return the folder of a tag."""
    return f"{REPOSITORIES}/{name.text}/_manifests/tags/{tag.text}"


def tag_current(name: RepositoryName, tag: Tag) -> str:
    """Return the path of the digest that a tag points at."""
    return f"{REPOSITORIES}/{name.text}/_manifests/tags/{tag.text}/current/link"


def tag_index(name: RepositoryName, tag: Tag, digest: Digest) -> str:
    """Return the path that remembers that a tag once pointed at a digest."""
    folder = f"{REPOSITORIES}/{name.text}/_manifests/tags/{tag.text}/index"
    return f"{folder}/{digest.algorithm}/{digest.hex}/link"


def referrers(name: RepositoryName, subject: Digest) -> str:
    """Return the folder of everything that refers to *subject*."""
    return f"{REPOSITORIES}/{name.text}/_referrers/{subject.algorithm}/{subject.hex}"


def referrer(name: RepositoryName, subject: Digest, digest: Digest) -> str:
    """Return the folder whose link says that the manifest *digest* refers to *subject*."""
    return f"{referrers(name, subject)}/{digest.algorithm}/{digest.hex}"


def upload(name: RepositoryName, upload: str) -> str:
    """Return the folder of an upload session."""
    return f"{REPOSITORIES}/{name.text}/_uploads/{upload}"


def in_folder(folder: str) -> str:
    """Return the path of the link in a folder that holds one."""
    return f"{folder}/{LINK}"
