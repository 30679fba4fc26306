"""What all routes have in common: methods, error bodies, headers, HEAD as GET without a body."""

import json

import pytest

from distribution import Digest, errors
from distribution.registry import errors as table
from distribution.registry.app import create_app
from distribution.registry.site import Limits
from distribution.storage import StoredNamespace
from distribution.storage.drivers.memory import MemoryDriver
from tests.support.client import Client
from tests.support.images import image, index, noise
from tests.support.local import Local, site
from tests.support.server import errors as codes

UNKNOWN = Digest.of(b"nobody pushed this")
SESSION = "00000000-0000-4000-8000-000000000000"

#: Each route's address and the methods that it answers.
ROUTES = {
    "/": {"GET", "HEAD"},
    "/v2": {"GET", "HEAD"},
    "/v2/": {"GET", "HEAD"},
    "/v2/_catalog": {"GET", "HEAD"},
    "/v2/repo/tags/list": {"GET", "HEAD"},
    "/v2/repo/manifests/v1": {"GET", "HEAD", "PUT", "DELETE"},
    f"/v2/repo/manifests/{UNKNOWN}": {"GET", "HEAD", "PUT", "DELETE"},
    f"/v2/repo/blobs/{UNKNOWN}": {"GET", "HEAD", "DELETE"},
    "/v2/repo/blobs/uploads/": {"POST"},
    f"/v2/repo/blobs/uploads/{SESSION}": {"GET", "HEAD", "PATCH", "PUT", "DELETE"},
    f"/v2/repo/referrers/{UNKNOWN}": {"GET", "HEAD"},
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"]
NOT_ALLOWED = [
    (method, path)
    for path, allowed in ROUTES.items()
    for method in METHODS
    if method not in allowed
]
READS = [path for path, allowed in ROUTES.items() if "GET" in allowed]


class BrokenDriver(MemoryDriver):
    """A store whose disk has failed."""

    def _get(self, path):
        raise OSError(5, "secret place on disk failed")

    def _stat(self, path):
        raise OSError(5, "secret place on disk failed")


class TestMethods:
    @pytest.mark.parametrize(("method", "path"), NOT_ALLOWED)
    def test_that_a_route_has_not(self, local, method, path):
        """A method that a route does not answer is 405, and ``Allow`` tells those it does."""
        got = local.request(method, path)
        allowed = set(got.headers["Allow"].replace(" ", "").split(",")) - {"OPTIONS"}
        assert (got.status, allowed) == (405, ROUTES[path])

    def test_that_nobody_knows(self, client):
        """A method made up by the client is its error, not ours."""
        got = client.request("BREW", "/v2/")
        assert 400 <= got.status < 500

    @pytest.mark.parametrize("path", ROUTES)
    def test_options_are_told(self, local, path):
        """OPTIONS lists what a route answers."""
        got = local.request("OPTIONS", path)
        allowed = set(got.headers["Allow"].replace(" ", "").split(",")) - {"OPTIONS"}
        assert (got.status, allowed) == (200, ROUTES[path])


UNROUTED = [
    "/v1/",
    "/v2/x",
    "/v2//",
    "/v2/_catalog/",
    "/v2/repo/tags/list/",
    "/v2/repo/tags/",
    "/v2/repo/blobs",
    "/v2/repo/manifests",
    "/v2/manifests/v1",
    "/v2/blobs/uploads/",
    "/v2/tags/list",
    "/v3/repo/tags/list",
    "/favicon.ico",
    "//v2/",
]


class TestUnknownPaths:
    @pytest.mark.parametrize("path", UNROUTED)
    def test_are_404(self, local, path):
        """What is no route is 404, in the spec's form."""
        got = local.request("GET", f"http://registry.test{path}")
        assert (got.status, codes(got)) == (404, ["NAME_UNKNOWN"])


class TestCommonHeaders:
    @pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
    def test_name_the_protocol(self, local, path):
        """Every answer, errors too, tells the version of the protocol."""
        got = local.request("GET", path)
        assert got.headers["Docker-Distribution-API-Version"] == "registry/2.0"

    @pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
    def test_are_configured(self, path):
        """Every answer carries the operator's own headers."""
        local = Local(create_app(site(), headers={"X-Content-Type-Options": "nosniff"}))
        assert local.request("GET", path).headers["X-Content-Type-Options"] == "nosniff"

    def test_are_configured_by_the_file(self, serve_http):
        """``http.headers`` reach the client; several values are one list."""
        server = serve_http(headers={"X-One": ["1"], "X-Two": ["a", "b"]})
        got = Client(server.url).request("GET", "/v2/")
        assert (got.headers["X-One"], got.headers["X-Two"]) == ("1", "a, b")

    def test_protect_browsers_by_default(self, client):
        """Without a setting a browser is told not to guess types."""
        assert client.request("GET", "/v2/").headers["X-Content-Type-Options"] == "nosniff"


class TestBase:
    def test_probe(self, local):
        """``/`` is an empty 200 that nobody caches, for load balancers."""
        got = local.request("GET", "/")
        assert (got.status, got.data, got.headers["Cache-Control"]) == (200, b"", "no-cache")

    def test_body_is_two_bytes(self, local):
        """``/v2/`` is exactly the empty object, without a line end."""
        got = local.request("GET", "/v2/")
        assert (got.data, got.headers["Content-Length"]) == (b"{}", "2")
        assert got.headers["Content-Type"] == "application/json"

    def test_without_its_slash(self, local):
        """``/v2`` leads to ``/v2/``."""
        got = local.request("GET", "/v2")
        assert (got.status, got.headers["Location"]) == (301, "/v2/")


class TestHead:
    @pytest.fixture
    def filled(self, local):
        made = image()
        local.push("repo", "v1", made)
        local.push("repo", "all", index(made, subject=made.descriptor()))
        blob = Digest.of(made.blobs[0])
        paths = [
            *READS,
            f"/v2/repo/manifests/{made.digest}",
            f"/v2/repo/blobs/{blob}",
            f"/v2/repo/referrers/{made.digest}",
            "/v2/repo/tags/list?n=1",
            local.start("repo"),
        ]
        return local, paths

    def test_has_the_headers_of_get(self, filled):
        """HEAD is GET without the body: same status, same headers."""
        local, paths = filled
        for path in paths:
            head, get = (local.request(method, path) for method in ("HEAD", "GET"))
            assert (path, head.status, head.data) == (path, get.status, b"")
            assert dict(head.headers) == dict(get.headers)

    def test_keeps_the_connection_in_step(self, client, name):
        """HEAD over a real connection sends no byte of a body, for hits and errors alike."""
        digest = client.push_blob(name, noise(10))
        for path in (f"/v2/{name}/blobs/{digest}", f"/v2/{name}/blobs/{UNKNOWN}", "/v2/", "/x"):
            assert client.request("HEAD", path).data == b""
            assert client.request("GET", "/v2/").data == b"{}"


def requests_by_code(local: Local) -> dict[str, tuple[int, dict]]:
    """Return, for each code of the spec, a status and the request that must get both."""
    made = image(layers=[])
    session = local.start("repo")
    forged = session.replace("_state=", "_state=AAAA")
    return {
        "BLOB_UNKNOWN": (404, {"method": "GET", "path": f"/v2/repo/blobs/{UNKNOWN}"}),
        "BLOB_UPLOAD_UNKNOWN": (404, {"method": "PATCH", "path": f"/v2/r/blobs/uploads/{SESSION}"}),
        "BLOB_UPLOAD_INVALID": (404, {"method": "GET", "path": forged}),
        "DIGEST_INVALID": (400, {"method": "GET", "path": "/v2/repo/blobs/sha256:x"}),
        "MANIFEST_BLOB_UNKNOWN": (
            400,
            {
                "method": "PUT",
                "path": "/v2/repo/manifests/v1",
                "body": made.manifest,
                "Content_Type": made.media_type,
            },
        ),
        "MANIFEST_INVALID": (
            400,
            {"method": "PUT", "path": "/v2/repo/manifests/v1", "body": b"{}"},
        ),
        "MANIFEST_UNKNOWN": (404, {"method": "GET", "path": "/v2/repo/manifests/v1"}),
        "NAME_INVALID": (400, {"method": "GET", "path": "/v2/UPPER/tags/list"}),
        "NAME_UNKNOWN": (404, {"method": "GET", "path": "/v2/repo/tags/list"}),
        "PAGINATION_NUMBER_INVALID": (400, {"method": "GET", "path": "/v2/_catalog?n=x"}),
        "RANGE_INVALID": (
            416,
            {"method": "PATCH", "path": session, "body": b"ab", "Content_Range": "5-6"},
        ),
        "SIZE_INVALID": (
            400,
            {"method": "PATCH", "path": session, "body": b"abc", "Content_Range": "0-1"},
        ),
        "TAG_INVALID": (400, {"method": "GET", "path": "/v2/repo/manifests/-v1"}),
        "UNSUPPORTED": (405, {"method": "POST", "path": "/v2/"}),
    }


class TestErrors:
    def test_of_every_code(self, local):
        """Each code is reached by its request, with its status."""
        for code, (status, request) in requests_by_code(local).items():
            got = local.request(**request)
            assert (code, got.status, codes(got)) == (code, status, [code])

    def test_have_the_body_of_the_spec(self, local):
        """Each error is JSON: a list of code, message and detail, ended by a newline."""
        for code, (_, request) in requests_by_code(local).items():
            got = local.request(**request)
            assert got.headers["Content-Type"] == "application/json"
            assert got.data.endswith(b"\n")
            (entry,) = json.loads(got.data)["errors"]
            assert json.loads(got.data).keys() == {"errors"}
            assert entry.keys() == {"code", "message", "detail"}
            assert entry["message"] == table.MESSAGES[code]

    def test_of_the_store_are_503(self):
        """A failing store is 503, worth another try, and tells nothing of itself."""
        local = Local(create_app(site(namespace=StoredNamespace(BrokenDriver()))))
        got = local.request("GET", f"/v2/repo/blobs/{UNKNOWN}")
        assert (got.status, codes(got), got.headers["Retry-After"]) == (503, ["UNAVAILABLE"], "5")
        assert b"secret" not in got.data

    def test_of_bugs_are_500_and_silent(self):
        """What nobody foresaw is 500, and its cause stays in the log."""

        class Bug:
            def repositories(self, *_):
                raise ZeroDivisionError("secret arithmetic")

        got = Local(create_app(site(namespace=Bug()))).request("GET", "/v2/_catalog")
        assert (got.status, codes(got)) == (500, ["UNKNOWN"])
        assert b"secret" not in got.data
        assert b"Zero" not in got.data

    def test_leave_no_codes_over(self, local):
        """All codes that the table can answer are tested above, here or below."""
        answered = {code for _, code in table.RESPONSES.values()} | {"UNKNOWN"}
        assert answered == requests_by_code(local).keys() | {"UNAVAILABLE", "UNKNOWN"}


def every_error(kind=errors.DistributionError):
    for child in kind.__subclasses__():
        yield child
        yield from every_error(child)


class TestTable:
    @pytest.mark.parametrize("kind", sorted(set(every_error()), key=lambda kind: kind.__name__))
    def test_has_a_row_for_every_error(self, kind):
        """Whatever the library raises has a status and a code with a message."""
        status, code = table.answer(kind)
        assert 400 <= int(status[:3]) < 600
        assert code in table.MESSAGES

    @pytest.mark.parametrize(
        ("error", "status", "headers"),
        [
            (errors.UploadRangeError(SESSION, 0), 416, {"Range": "0-0"}),
            (errors.UploadRangeError(SESSION, 5), 416, {"Range": "0-4"}),
            (errors.UploadBusyError(SESSION), 409, {}),
            (errors.ClientGoneError(5), 408, {}),
            (errors.ConfigurationError("x"), 503, {}),
            (errors.InvalidReferenceError("x", "y"), 400, {}),
            (errors.UnsupportedError("x"), 405, {}),
            (errors.ConflictError("/x"), 503, {"Retry-After": "5"}),
            (errors.RangeNotSatisfiableError(7), 416, {"Content-Range": "bytes */7"}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_answers(self, error, status, headers):
        """Errors come out of any resource with their status and headers."""

        class Failing:
            def repositories(self, *_):
                raise error

        got = Local(create_app(site(namespace=Failing()))).request("GET", "/v2/_catalog")
        assert got.status == status
        assert {key: got.headers[key] for key in headers} == headers

    def test_names_each_unknown_reference(self, local):
        """A manifest with several missing blobs has one entry for each."""
        made = image(noise(5), noise(6))
        got = local.push_manifest("repo", "v1", made)
        expected = sorted(str(Digest.of(blob)) for blob in made.blobs)
        entries = json.loads(got.data)["errors"]
        assert [entry["detail"]["digest"] for entry in entries] == expected


class TestQueries:
    @pytest.mark.parametrize("path", READS)
    def test_with_unknown_keys_are_answered_alike(self, local, path):
        """Keys that mean nothing here are ignored, ``ns`` of mirrors among them."""
        plain = local.request("GET", path)
        got = local.request("GET", path, query=[("ns", "docker.io"), ("x", ""), ("x", "\u00fc")])
        assert (got.status, got.data) == (plain.status, plain.data)

    def test_of_uploads_keep_working(self, client, name):
        """An upload with unknown keys on every request ends well."""
        content = noise(20)
        location = client.start(name, ns="docker.io")
        got = client.request(
            "PUT", location, query={"digest": Digest.of(content), "ns": "x"}, body=content
        )
        assert got.status == 201


class TestLimits:
    def test_of_a_site_hold_for_manifests(self):
        """A site with a smaller limit refuses a smaller manifest."""
        local = Local(create_app(site(limits=Limits(manifest_bytes=100))))
        got = local.request("PUT", "/v2/repo/manifests/v1", body=b" " * 101)
        assert (got.status, codes(got)) == (413, ["MANIFEST_INVALID"])

    def test_of_chunks_are_announced(self):
        """A store that likes large pieces says so when an upload begins."""
        local = Local(create_app(site(minimum_chunk=5 << 20)))
        got = local.request("POST", "/v2/repo/blobs/uploads/")
        assert got.headers["OCI-Chunk-Min-Length"] == "5242880"

    def test_of_chunks_are_not_invented(self, local):
        """Where any size is fine, nothing is announced."""
        got = local.request("POST", "/v2/repo/blobs/uploads/")
        assert got.headers.get("OCI-Chunk-Min-Length") is None
