"""The blob store: nothing is a blob that does not hash to its name."""

from datetime import timedelta

import pytest

from distribution import Digest
from distribution.errors import BlobUnknownError, DigestMismatchError
from distribution.storage import layout
from distribution.storage.blobs import BlobStore

DIGEST = Digest.of(b"content")


@pytest.fixture
def blobs(driver):
    return BlobStore(driver, fresh_for=timedelta(hours=1), keep_holders=True)


def test_put_and_read(driver, blobs):
    """A small blob lies where Docker Distribution looks for it, and is read back."""
    blobs.put(DIGEST, b"content")
    path = f"/docker/registry/v2/blobs/sha256/{DIGEST.hex[:2]}/{DIGEST.hex}/data"
    assert [info.path for info in driver.walk("/")] == [path]
    assert blobs.read(DIGEST) == b"content"
    assert blobs.stat(DIGEST).size == 7
    with blobs.open(DIGEST, 3) as reader:
        assert reader.read() == b"tent"


def test_mismatched_content_is_not_kept(blobs):
    """Content offered under the wrong digest leaves no trace."""
    with pytest.raises(DigestMismatchError) as caught:
        blobs.put(DIGEST, b"other")
    assert (caught.value.expected, caught.value.actual) == (DIGEST, Digest.of(b"other"))
    with pytest.raises(BlobUnknownError):
        blobs.stat(DIGEST)


def test_damaged_content_is_not_read(driver, blobs):
    """What is not what its name says is not given out as it."""
    driver.put(layout.blob_data(DIGEST), b"damaged")
    with pytest.raises(DigestMismatchError):
        blobs.read(DIGEST)


def test_empty_file_is_no_blob(driver, blobs):
    """A file that a crash of an older registry left empty is not there, unless it should be."""
    empty = Digest.of(b"")
    for digest in [DIGEST, empty]:
        driver.put(layout.blob_data(digest), b"")
    with pytest.raises(BlobUnknownError):
        blobs.stat(DIGEST)
    assert blobs.stat(empty).size == 0


@pytest.mark.parametrize("call", ["stat", "open", "read", "renew"])
def test_missing_blob(blobs, call):
    """Each question about a missing blob names it."""
    with pytest.raises(BlobUnknownError) as caught:
        getattr(blobs, call)(DIGEST)
    assert caught.value.digest == DIGEST


def test_put_replaces_what_is_damaged(driver, blobs):
    """A blob put again is whole."""
    driver.put(layout.blob_data(DIGEST), b"damaged")
    blobs.put(DIGEST, b"content")
    assert blobs.read(DIGEST) == b"content"


def test_adopt_renews(driver, blobs):
    """A file taken over as a blob is young, however long its upload took."""
    driver.put("/upload/data", b"content")
    before = driver.stat("/upload/data").modified
    blobs.adopt(DIGEST, "/upload/data")
    info = blobs.stat(DIGEST)
    assert info.modified >= before
    assert blobs.is_fresh(info)
