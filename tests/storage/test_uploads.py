"""Upload sessions: they live in storage, and go on in any process."""

import errno
import os
import uuid
from contextlib import suppress

import pytest

from distribution import Digest, RepositoryName, StoredNamespace
from distribution.errors import (
    BlobUnknownError,
    DigestMismatchError,
    DriverError,
    UploadBusyError,
    UploadRangeError,
    UploadUnknownError,
)
from distribution.storage import hashstate, layout
from distribution.storage.drivers.filesystem import FilesystemDriver
from tests.storage.conftest import NAME

CONTENT = bytes(range(256)) * 40
HALF = len(CONTENT) // 2


def append(repository, upload, chunk, at=None):
    with repository.uploads.resume(upload, at) as opened:
        opened.write(chunk)


def commit(repository, upload, digest, chunk=b""):
    with repository.uploads.resume(upload) as opened:
        if chunk:
            opened.write(chunk)
        return opened.commit(digest)


def content_of(repository, digest):
    with repository.blobs.get(digest).open() as reader:
        return reader.read()


def left(driver):
    """Return the files of upload sessions."""
    return [info.path for info in driver.walk("/") if "/_uploads/" in info.path]


# --- going on elsewhere ------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha384"])
@pytest.mark.parametrize("told", [True, False], ids=["told at the start", "not told"])
def test_each_step_in_another_process(driver, fresh, algorithm, told):
    """A session started, written and committed by different stores gives the blob."""
    upload = fresh().uploads.start(algorithm if told else None).id
    for start in range(0, len(CONTENT), 1001):
        append(fresh(), upload, CONTENT[start : start + 1001], at=start)
        status = fresh().uploads.status(upload)
        assert status.offset == min(start + 1001, len(CONTENT))
    info = commit(fresh(), upload, Digest.of(CONTENT, algorithm))
    assert (info.digest, info.size) == (Digest.of(CONTENT, algorithm), len(CONTENT))
    assert content_of(fresh(), info.digest) == CONTENT
    assert left(driver) == []


@pytest.mark.parametrize("sizes", [[1] * 30, [0, 3, 0, 0, 4], [5, 5, 5], [7, 1, 12], []])
def test_small_steps(fresh, sizes):
    """Steps of any size, below a backend's smallest part too, add up."""
    upload = fresh().uploads.start().id
    content = b""
    for n, size in enumerate(sizes):
        append(fresh(), upload, bytes([n]) * size, at=len(content))
        content += bytes([n]) * size
    assert commit(fresh(), upload, Digest.of(content)).size == len(content)
    assert content_of(fresh(), Digest.of(content)) == content


def test_digest_known_early_is_hashed_on_the_way(driver, fresh, monkeypatch):
    """Content announced as sha512 is not read again at its end."""
    upload = fresh().uploads.start().id
    digest = Digest.of(CONTENT, "sha512")
    monkeypatch.setattr(type(driver), "open", None)
    with fresh().uploads.resume(upload) as opened:
        opened.expect(digest)
        opened.write(CONTENT)
        assert opened.commit(digest).digest == digest


def test_digest_known_early_over_two_steps(fresh):
    """An algorithm announced after an empty step holds for what is written and resumed."""
    upload = fresh().uploads.start().id
    append(fresh(), upload, b"")
    digest = Digest.of(CONTENT, "sha512")
    with fresh().uploads.resume(upload) as opened:
        opened.expect(digest)
        opened.write(CONTENT[:HALF])
    assert fresh().uploads.status(upload).offset == HALF
    commit(fresh(), upload, digest, CONTENT[HALF:])
    assert content_of(fresh(), digest) == CONTENT


def test_algorithm_told_too_late_changes_nothing(fresh):
    """After the first byte another algorithm is found by reading again."""
    upload = fresh().uploads.start().id
    append(fresh(), upload, CONTENT[:HALF])
    digest = Digest.of(CONTENT, "sha512")
    with fresh().uploads.resume(upload) as opened:
        opened.expect(digest)
        opened.write(CONTENT[HALF:])
        assert opened.commit(digest).digest == digest


def test_without_libcrypto(driver, fresh, monkeypatch):
    """Where hashes have no state, a session is hashed again in the end, and right."""
    monkeypatch.setattr(hashstate, "_library", lambda: None)
    upload = fresh().uploads.start().id
    for start in (0, HALF):
        append(fresh(), upload, CONTENT[start : start + HALF], at=start)
    assert not [path for path in left(driver) if "hashstates" in path]
    commit(fresh(), upload, Digest.of(CONTENT))
    assert content_of(fresh(), Digest.of(CONTENT)) == CONTENT


# --- what ends a session, and what does not ----------------------------------------------------


def test_wrong_digest_ends_the_session(driver, fresh):
    """Content that is not what it claims is published nowhere, and the session is gone."""
    upload = fresh().uploads.start().id
    with pytest.raises(DigestMismatchError) as caught:
        commit(fresh(), upload, Digest.of(b"other"), CONTENT)
    assert (caught.value.expected, caught.value.actual) == (Digest.of(b"other"), Digest.of(CONTENT))
    for digest in [Digest.of(b"other"), Digest.of(CONTENT)]:
        with pytest.raises(BlobUnknownError):
            fresh().blobs.get(digest)
    with pytest.raises(UploadUnknownError):
        fresh().uploads.status(upload)


@pytest.mark.parametrize("at", [0, 1, HALF - 1, HALF + 1, 10**12])
def test_wrong_place_keeps_the_session(fresh, at):
    """Content for another offset is refused with the true one, and the session goes on."""
    upload = fresh().uploads.start().id
    append(fresh(), upload, CONTENT[:HALF])
    with pytest.raises(UploadRangeError) as caught:
        fresh().uploads.resume(upload, at)
    assert caught.value.offset == HALF
    commit(fresh(), upload, Digest.of(CONTENT), CONTENT[HALF:])


def test_one_writer_at_a_time(driver, fresh):
    """While one writes nobody else can write or cancel; asking is free."""
    repository = fresh()
    upload = repository.uploads.start().id
    with repository.uploads.resume(upload) as opened:
        opened.write(CONTENT[:HALF])
        for busy in [repository.uploads.resume, repository.uploads.cancel]:
            with pytest.raises(UploadBusyError):
                busy(upload)
        assert repository.uploads.status(upload).id == upload
    append(repository, upload, CONTENT[HALF:], at=HALF)


def test_cancel(driver, fresh):
    """A cancelled session leaves nothing, and is not known any more."""
    upload = fresh().uploads.start().id
    append(fresh(), upload, CONTENT)
    driver.put("/other", b"")
    fresh().uploads.cancel(upload)
    assert left(driver) == []
    with pytest.raises(UploadUnknownError):
        fresh().uploads.cancel(upload)


def test_a_failure_of_the_caller_suspends(fresh):
    """A caller that fails in between leaves what it wrote."""
    upload = fresh().uploads.start().id
    with suppress(ConnectionError), fresh().uploads.resume(upload) as opened:
        opened.write(CONTENT[:HALF])
        raise ConnectionError
    assert fresh().uploads.status(upload).offset == HALF
    commit(fresh(), upload, Digest.of(CONTENT), CONTENT[HALF:])


@pytest.mark.parametrize(
    "upload",
    [
        *["", ".", "..", "a..b", "../x", "x", str(uuid.UUID(int=5)), uuid.UUID(int=5).hex],
        *[
            "{00000000-0000-0000-0000-000000000005}",
            "urn:uuid:" + str(uuid.UUID(int=5)),
            "x" * 10**5,
        ],
    ],
)
def test_ids_that_are_none(fresh, upload):
    """Only a dashed UUID of a session that was started is one."""
    with pytest.raises(UploadUnknownError) as caught:
        fresh().uploads.status(upload)
    assert caught.value.upload == upload


def test_upper_case_id_is_another(fresh):
    """An id is its characters."""
    upload = fresh().uploads.start().id
    while upload.upper() == upload:
        upload = fresh().uploads.start().id
    with pytest.raises(UploadUnknownError):
        fresh().uploads.resume(upload.upper())


def test_sessions_belong_to_their_repository(fresh):
    """An id is worth nothing in another repository (CVE-2026-32589)."""
    upload = fresh().uploads.start().id
    other = fresh(RepositoryName("other/app"))
    for call in [other.uploads.status, other.uploads.resume, other.uploads.cancel]:
        with pytest.raises(UploadUnknownError):
            call(upload)
    assert fresh().uploads.status(upload).offset == 0


def test_start_is_told(fresh):
    """When a session began is kept, in UTC."""
    started = fresh().uploads.start()
    status = fresh().uploads.status(started.id)
    assert status.started_at == started.started_at
    assert status.started_at.utcoffset().total_seconds() == 0


def test_push_again_heals(driver, fresh):
    """A blob that was damaged on disk is whole after it was pushed again (zot #4442)."""
    digest = Digest.of(CONTENT)
    commit(fresh(), fresh().uploads.start().id, digest, CONTENT)
    driver.put(layout.blob_data(digest), b"damaged")
    commit(fresh(), fresh().uploads.start().id, digest, CONTENT)
    assert content_of(fresh(), digest) == CONTENT


# --- when storage fails ------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, HALF // 2])
@pytest.mark.parametrize("room", [0, 1, 100, 4000])
def test_disk_full_in_the_middle(driver, fresh, monkeypatch, before, room):
    """A write that fails half-way leaves a session that goes on, to the right digest."""
    upload = fresh().uploads.start().id
    if before:
        append(fresh(), upload, CONTENT[:before])
    opened = fresh().uploads.resume(upload)
    real = opened._writer._write

    def full(chunk):
        real(chunk[:room])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(opened._writer, "_write", full)
    with pytest.raises(DriverError, match="No space left"):
        opened.write(CONTENT[before:])
    assert opened.ended
    offset = fresh().uploads.status(upload).offset
    assert before <= offset <= before + room
    append(fresh(), upload, CONTENT[offset:HALF], at=offset)
    commit(fresh(), upload, Digest.of(CONTENT), CONTENT[HALF:])
    assert content_of(fresh(), Digest.of(CONTENT)) == CONTENT


# --- sessions of Docker Distribution -------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    return FilesystemDriver(tmp_path / "tree", sync=False)


def state(content, algorithm="sha256"):
    begun = hashstate.start(algorithm)
    begun.update(content)
    return begun.state()


@pytest.mark.parametrize(
    ("states", "offset"),
    [
        pytest.param({HALF: state(CONTENT[:HALF])}, HALF, id="as it should be"),
        pytest.param({}, HALF, id="without a state"),
        pytest.param({HALF: b"garbage"}, HALF, id="garbage"),
        pytest.param({HALF: b""}, HALF, id="empty"),
        pytest.param({HALF + 1: state(CONTENT[: HALF + 1])}, HALF, id="too far"),
        pytest.param({10: state(CONTENT[:10])}, 10, id="data ahead of its state"),
        pytest.param({10: state(CONTENT[:10]), HALF: b"garbage"}, 10, id="the newest garbage"),
        pytest.param({"x": b"garbage"}, HALF, id="another name"),
    ],
)
def test_session_of_distribution_goes_on(tree, states, offset):
    """A session begun by Docker Distribution is resumed at the largest state its data reaches."""
    upload = str(uuid.uuid4())
    folder = f"/docker/registry/v2/repositories/{NAME}/_uploads/{upload}"
    tree.put(f"{folder}/data", CONTENT[:HALF])
    tree.put(f"{folder}/startedat", b"2026-01-02T03:04:05Z")
    for name, content in states.items():
        tree.put(f"{folder}/hashstates/sha256/{name}", content)
    repository = StoredNamespace(tree).repository(NAME)
    status = repository.uploads.status(upload)
    assert (status.offset, status.started_at.isoformat()) == (offset, "2026-01-02T03:04:05+00:00")
    append(repository, upload, CONTENT[offset:-5], at=offset)
    commit(repository, upload, Digest.of(CONTENT), CONTENT[-5:])
    assert content_of(repository, Digest.of(CONTENT)) == CONTENT
    assert left(tree) == []


def test_session_looks_as_distributions(tree):
    """What we leave between two requests is what Docker Distribution would."""
    repository = StoredNamespace(tree).repository(NAME)
    upload = repository.uploads.start().id
    append(repository, upload, CONTENT[:HALF])
    append(repository, upload, CONTENT[HALF:])
    folder = f"/docker/registry/v2/repositories/library/app/_uploads/{upload}"
    assert left(tree) == [
        f"{folder}/data",
        f"{folder}/hashstates/sha256/{len(CONTENT)}",
        f"{folder}/startedat",
    ]
    assert tree.get(f"{folder}/hashstates/sha256/{len(CONTENT)}") == state(CONTENT)
    assert tree.get(f"{folder}/startedat").endswith(b"Z")


@pytest.mark.parametrize("text", [b"", b"yesterday", b"\xff"])
def test_start_that_cannot_be_read(tree, text):
    """A malformed time is taken from the file's own."""
    upload = str(uuid.uuid4())
    path = f"/docker/registry/v2/repositories/{NAME}/_uploads/{upload}/startedat"
    tree.put(path, text)
    status = StoredNamespace(tree).repository(NAME).uploads.status(upload)
    assert status.started_at == tree.stat(path).modified


@pytest.mark.parametrize("record", [b"", b"garbage", b"[]", b'{"algorithm": "md5"}'])
def test_record_that_cannot_be_read(driver, fresh, record):
    """A record that tells nothing leaves a session that begins anew, and works."""
    upload = fresh().uploads.start("sha512").id
    driver.put(f"{layout.upload(NAME, upload)}/record", record)
    assert fresh().uploads.status(upload).offset == 0
    commit(fresh(), upload, Digest.of(CONTENT), CONTENT)
    assert content_of(fresh(), Digest.of(CONTENT)) == CONTENT
