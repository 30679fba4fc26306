"""``/v2/<name>/blobs/<digest>``: conditions, ranges, and what HEAD says of GET."""

import pytest

from distribution import Digest
from distribution.errors import BlobUnknownError
from distribution.registry.ranges import PARTS_LIMIT
from distribution.storage.blobs import BlobStore
from tests.support.images import noise
from tests.support.local import Local
from tests.support.multipart import expected_parts, read_parts
from tests.support.server import errors

CONTENT = noise(2000, seed=2)
DIGEST = Digest.of(CONTENT)
PATH = f"/v2/repo/blobs/{DIGEST}"
OTHER = Digest.of(b"other")


@pytest.fixture
def blob(local: Local) -> Local:
    """An application that holds one blob, at PATH."""
    local.push_blob("repo", CONTENT)
    return local


class TestDescription:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_names_the_content(self, blob, method):
        """Digest, entity tag, type, length and how long it may be kept."""
        got = blob.request(method, PATH)
        expected = {
            "Docker-Content-Digest": str(DIGEST),
            "ETag": f'"{DIGEST}"',
            "Content-Type": "application/octet-stream",
            "Content-Length": "2000",
            "Cache-Control": "max-age=31536000",
            "Accept-Ranges": "bytes",
        }
        assert {key: got.headers[key] for key in expected} == expected

    def test_of_head_ignores_ranges(self, blob):
        """``Range`` is defined for GET alone."""
        got = blob.request("HEAD", PATH, Range="bytes=0-9")
        assert (got.status, got.headers["Content-Length"]) == (200, "2000")

    def test_is_of_the_content_asked_for(self, client, name):
        """A sha512 name is answered with itself, not with another name of the same bytes."""
        digest = client.push_blob(name, CONTENT, "sha512")
        got = client.request("HEAD", f"/v2/{name}/blobs/{digest}")
        assert got.headers["Docker-Content-Digest"] == str(digest)


class TestConditions:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        "condition",
        [
            f'"{DIGEST}"',
            f"{DIGEST}",
            f'W/"{DIGEST}"',
            f'"{OTHER}", "{DIGEST}"',
            f'W/"{OTHER}" ,{DIGEST} , "x"',
            "*",
        ],
        ids=["quoted", "bare", "weak", "list", "mixed list", "any"],
    )
    def test_that_the_client_has_it(self, blob, method, condition):
        """Content that the client has already is 304, without a body."""
        got = blob.request(method, PATH, If_None_Match=condition)
        assert (got.status, got.data, got.headers["ETag"]) == (304, b"", f'"{DIGEST}"')

    @pytest.mark.parametrize(
        "condition", [f'"{OTHER}"', '"x"', "", '""', f'"{DIGEST.hex}"', f'"{DIGEST}0"']
    )
    def test_that_the_client_has_not(self, blob, condition):
        """Any other entity tag gets the content."""
        got = blob.request("GET", PATH, If_None_Match=condition)
        assert (got.status, got.data) == (200, CONTENT)

    def test_over_a_range(self, blob):
        """A range of content that the client has is 304 too."""
        got = blob.request("GET", PATH, If_None_Match=f'"{DIGEST}"', Range="bytes=0-9")
        assert (got.status, got.data) == (304, b"")

    def test_of_content_that_is_missing(self, blob):
        """A condition never turns a 404 into a 304."""
        got = blob.request("GET", f"/v2/repo/blobs/{OTHER}", If_None_Match="*")
        assert (got.status, errors(got)) == (404, ["BLOB_UNKNOWN"])

    @pytest.mark.parametrize(
        ("condition", "status"),
        [
            (f'"{DIGEST}"', 206),
            (f'  "{DIGEST}" ', 206),
            (f'"{OTHER}"', 200),
            (f'W/"{DIGEST}"', 200),
            (f"{DIGEST}", 200),
            ("Tue, 24 Nov 2026 12:00:00 GMT", 200),
        ],
        ids=["same", "spaces", "other", "weak", "bare", "date"],
    )
    def test_of_a_range(self, blob, condition, status):
        """``If-Range`` must name the content strongly; else the whole is sent."""
        got = blob.request("GET", PATH, Range="bytes=5-9", If_Range=condition)
        expected = {206: CONTENT[5:10], 200: CONTENT}[status]
        assert (got.status, got.data) == (status, expected)


RANGES = [
    ("bytes=0-0", [(0, 0)]),
    ("bytes=1999-", [(1999, 1999)]),
    ("bytes=-5000", [(0, 1999)]),
    ("bytes=0-9,20-29", [(0, 9), (20, 29)]),
    ("bytes=500-599, 0-0, -1", [(0, 0), (500, 599), (1999, 1999)]),
    ("bytes=0-99,50-149,150-199", [(0, 199)]),
    ("bytes=10-19,5000-6000", [(10, 19)]),
    (
        "bytes=" + ",".join(f"{n * 3}-{n * 3 + 1}" for n in range(PARTS_LIMIT)),
        [(n * 3, n * 3 + 1) for n in range(PARTS_LIMIT)],
    ),
]
WHOLE = ["bytes=" + ",".join(f"{n * 3}-{n * 3}" for n in range(65)), "lines=0-9", "bytes"]
REFUSED = ["bytes=2000-", "bytes=5000-6000,7000-", "bytes=500-0", "bytes=-0", "bytes=x", "bytes="]


class _Wrapper:
    """A server's file wrapper, which reads to the end of the file."""

    def __init__(self, stream, block=8192):
        self.stream, self.block = stream, block
        self.close = stream.close

    def __iter__(self):
        return iter(lambda: self.stream.read(self.block), b"")


class TestRanges:
    @pytest.fixture(params=["gunicorn", "another server", "another server's file wrapper"])
    def get(self, request, client, name, local):
        """Ask for ranges of CONTENT, under several servers."""
        by = client if request.param == "gunicorn" else local
        by.push_blob(name, CONTENT)
        more = {"file_wrapper": _Wrapper} if "wrapper" in request.param else {}
        path = f"/v2/{name}/blobs/{DIGEST}"
        return lambda asked: by.request("GET", path, Range=asked, **more)

    @pytest.mark.parametrize(("asked", "spans"), RANGES, ids=lambda value: str(value)[:30])
    def test_are_sent(self, get, asked, spans):
        """Exactly the bytes asked for, in order, merged, each part labelled."""
        got = get(asked)
        assert (got.status, got.headers["Content-Length"]) == (206, str(len(got.data)))
        if len(spans) == 1:
            assert [(got.headers["Content-Range"], got.data)] == expected_parts(CONTENT, *spans)
        else:
            assert "Content-Range" not in got.headers
            found = read_parts(got.headers["Content-Type"], got.data)
            assert found == expected_parts(CONTENT, *spans)

    @pytest.mark.parametrize("asked", WHOLE, ids=lambda value: value[:30])
    def test_give_way_to_the_whole(self, get, asked):
        """More than 64 parts, or another unit, is answered with 200."""
        got = get(asked)
        assert (got.status, got.data) == (200, CONTENT)

    @pytest.mark.parametrize("asked", REFUSED)
    def test_are_refused(self, get, asked):
        """Where no byte can be sent the answer is 416, with the size."""
        got = get(asked)
        assert (got.status, errors(got)) == (416, ["RANGE_INVALID"])
        assert got.headers["Content-Range"] == f"bytes */{len(CONTENT)}"

    def test_of_a_large_blob(self, client, name):
        """Ranges are right beyond every buffer's size."""
        content = noise(5 << 20, seed=3)
        path = f"/v2/{name}/blobs/{client.push_blob(name, content)}"
        asked = [(0, 2_100_000), (3_000_000, 5_000_000)]
        header = ",".join(f"{first}-{last}" for first, last in asked)
        got = client.request("GET", path, Range=f"bytes={header}")
        found = read_parts(got.headers["Content-Type"], got.data)
        assert found == expected_parts(content, *asked)

    def test_leave_the_connection_in_step(self, client, name):
        """On one connection, answers to ranges do not run into one another."""
        path = f"/v2/{name}/blobs/{client.push_blob(name, CONTENT)}"
        for first in (0, 700, 1500):
            got = client.request("GET", path, Range=f"bytes={first}-{first + 9}")
            assert (got.status, got.data) == (206, CONTENT[first : first + 10])


class TestAccess:
    def test_needs_a_link(self, client, name):
        """A blob of one repository does not exist in another (CVE-2024-39897)."""
        digest = client.push_blob(f"{name}/a", noise(30))
        for method in ("GET", "HEAD", "DELETE"):
            assert client.request(method, f"/v2/{name}/b/blobs/{digest}").status == 404

    def test_ends_with_the_link(self, fresh, name):
        """Deleted in one repository, read in another: the first stays 404 on all workers
        (CVE-2026-35172)."""
        client = fresh()
        content = noise(30)
        digest = client.push_blob(f"{name}/a", content)
        client.push_blob(f"{name}/b", content)
        assert client.request("DELETE", f"/v2/{name}/a/blobs/{digest}").status == 202
        for _ in range(10):
            other = fresh()
            assert other.request("GET", f"/v2/{name}/b/blobs/{digest}").data == content
            assert other.request("GET", f"/v2/{name}/a/blobs/{digest}").status == 404

    def test_vanishing_under_a_reader(self, blob, monkeypatch):
        """A blob that is removed between look-up and opening is 404."""

        def gone(_store, digest, _offset=0):
            raise BlobUnknownError(digest)

        monkeypatch.setattr(BlobStore, "open", gone)
        got = blob.request("GET", PATH)
        assert (got.status, errors(got)) == (404, ["BLOB_UNKNOWN"])
