"""Names, tags, digests and session ids that try to be paths (registry-facts, section 5)."""

import json

import pytest

from distribution import Digest
from tests.support import raw
from tests.support.client import Client
from tests.support.images import Image, image, index, noise
from tests.support.server import errors

HEX = Digest.of(b"").hex

#: Repository names that are none, as they stand in a request line.
BAD_NAMES = [
    "..",
    ".",
    "../etc",
    "a/..",
    "a/../b",
    "a/./b",
    "%2e%2e",
    "%2e%2e/etc",
    "a%2f..%2fb",
    "a%2f%2e%2e%2f%2e%2e%2fb",
    "..%2f..%2f..%2fetc",
    "%252e%252e",
    "_uploads",
    "_layers",
    "a/_uploads",
    "a/_manifests/b",
    "_catalog",
    "UPPER",
    "a/Upper",
    "a%00",
    "a%00b",
    "%00",
    "a%0a",
    "a%0d%0aX:1",
    "a//b",
    "a/",
    "/a",
    "//a",
    "a%2f%2fb",
    "a%2f",
    "-a",
    "a-",
    ".a",
    "a.",
    "a..b",
    "a___b",
    "a._b",
    "a%20b",
    "a+b",
    "a%5cb",
    "a\\..\\b",
    "a:b",
    "a@b",
    "a~",
    "%c3%a9",
    "%ff",
    "%ed%a0%80",
    "a%e2%80%ae",
    "\u00e9",
    "a" * 256,
    "a/" * 128 + "b",
]

BAD_TAGS = [
    "..",
    ".",
    "-v1",
    ".v1",
    "a%2f..",
    "..%2f..%2fx",
    "a%00",
    "%00",
    "%20",
    "a%20b",
    "a%0a",
    "v1%0d%0aX:1",
    "%c3%a9",
    "a@b",
    "a+b%2b",
    "x" * 129,
    "%2e%2e",
    "a\\b",
]

BAD_DIGESTS = [
    "sha256:../../x",
    "sha256:..%2f..%2fx",
    f"sha256:{HEX.upper()}",
    f"SHA256:{HEX}",
    f"sha256:{HEX[:-1]}",
    f"sha256:{HEX}0",
    "sha256:",
    ":",
    f":{HEX}",
    f"md5:{'0' * 32}",
    f"sha1:{'0' * 40}",
    f"sha512:{HEX}",
    f"sha256:{HEX}%00",
    f"sha256:{HEX}%0a",
    f"sha256:%2e%2e%2f{HEX[:58]}",
    f"sha256:g{HEX[1:]}",
    f"sha256+b64:{HEX}",
    f"sha256::{HEX}",
    f"sha256:{HEX}:{HEX}",
    "sha256:" + "\uff11" * 64,
]

BAD_UPLOADS = [
    "..",
    ".",
    "a..b",
    "%2e%2e",
    "..%2f..%2fx",
    "%00",
    "a%00b",
    "data",
    "startedat",
    "hashstates",
    "00000000000040008000000000000000",
    "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-00000000000A",
    "00000000-0000-4000-8000-000000000000%0a",
    "00000000-0000-4000-8000-000000000000%2fdata",
    "x" * 5000,
]


def escape(text: str) -> str:
    """Return *text* as the bytes of a request line."""
    return text.encode().decode("latin-1")


def attempts(name: str) -> list[tuple[str, str]]:
    """Return every kind of request on a repository called *name*."""
    digest = f"sha256:{HEX}"
    session = "00000000-0000-4000-8000-000000000000"
    return [
        ("GET", f"/v2/{name}/tags/list"),
        ("GET", f"/v2/{name}/manifests/v1"),
        ("HEAD", f"/v2/{name}/manifests/{digest}"),
        ("PUT", f"/v2/{name}/manifests/v1"),
        ("DELETE", f"/v2/{name}/manifests/v1"),
        ("GET", f"/v2/{name}/blobs/{digest}"),
        ("DELETE", f"/v2/{name}/blobs/{digest}"),
        ("POST", f"/v2/{name}/blobs/uploads/"),
        ("POST", f"/v2/{name}/blobs/uploads/?digest={digest}"),
        ("GET", f"/v2/{name}/blobs/uploads/{session}"),
        ("PATCH", f"/v2/{name}/blobs/uploads/{session}"),
        ("PUT", f"/v2/{name}/blobs/uploads/{session}?digest={digest}"),
        ("GET", f"/v2/{name}/referrers/{digest}"),
    ]


BODY = index().manifest


def refuse(server, stored, requests: list[tuple[str, str]], statuses: set[int]) -> None:
    """Send *requests* as they are; all are refused, and nothing changes in the store."""
    before = stored()
    for method, path in requests:
        body = BODY if method in {"PUT", "POST", "PATCH"} else b""
        lines = [f"Content-Length: {len(body)}", "Connection: close"]
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n" + "\r\n".join([*lines, "", ""])
        got = raw.send(server.port, head.encode() + body, method=method)
        assert (path, got.status in statuses) == (path, True), (method, got.status, got.data)
    assert stored() == before


class TestNames:
    @pytest.mark.parametrize("bad", BAD_NAMES, ids=lambda bad: ascii(bad)[:40])
    def test_that_are_none(self, server, stored, bad):
        """No request on such a name does anything, nor is it known."""
        refuse(server, stored, attempts(bad), {400, 404, 405})

    @pytest.mark.parametrize("bad", BAD_NAMES, ids=lambda bad: ascii(bad)[:40])
    def test_that_are_none_as_a_source(self, server, client, stored, name, bad):
        """A mount from such a name mounts nothing."""
        digest = client.push_blob(name, noise(10))
        requests = [("POST", f"/v2/{name}/x/blobs/uploads/?mount={digest}&from={bad}")]
        refuse(server, stored, requests, {400})

    @pytest.mark.parametrize(
        "good",
        [
            "a" * 255,
            "/".join(["a"] * 128),
            "x/blobs/uploads",
            "x/blobs",
            "a/manifests/b",
            "manifests",
            "tags/list",
            "x/tags/list",
            "blobs/uploads",
            "a/referrers/b",
            "v2",
            "v2/v2",
            "a.b-c_d__e---f",
            "0",
            "manifests/manifests/manifests",
            "blobs/uploads/blobs/uploads",
            "docker/registry/v2/repositories/x",
        ],
        ids=lambda good: good[:30],
    )
    def test_that_look_like_routes(self, client, good):
        """A repository may be called like a route: it works from push to delete."""
        made = image()
        client.push(good, "v1", made)
        got = client.request("GET", f"/v2/{good}/manifests/v1")
        assert (got.status, got.data) == (200, made.manifest)
        blob = Digest.of(made.blobs[1])
        assert client.request("GET", f"/v2/{good}/blobs/{blob}").data == made.blobs[1]
        listed = json.loads(client.request("GET", f"/v2/{good}/tags/list").data)
        assert listed == {"name": good, "tags": ["v1"]}
        location = client.start(good)
        assert client.request("GET", location).status == 204
        assert client.request("DELETE", location).status == 204
        assert client.request("GET", f"/v2/{good}/referrers/{made.digest}").status == 200
        assert client.request("DELETE", f"/v2/{good}/manifests/{made.digest}").status == 202
        assert client.request("GET", f"/v2/{good}/manifests/v1").status == 404

    def test_that_nest_do_not_mix(self, client, name):
        """``x`` and ``x/blobs/uploads`` are two repositories."""
        outer, inner = image(), image()
        client.push(name, "v1", outer)
        client.push(f"{name}/blobs/uploads", "v1", inner)
        for repository, made in ((name, outer), (f"{name}/blobs/uploads", inner)):
            got = client.request("GET", f"/v2/{repository}/manifests/v1")
            assert got.data == made.manifest

    def test_that_share_a_prefix_do_not_fall_together(self, client, name):
        """Deleting in ``a`` leaves ``ab`` and ``a/b`` alone."""
        made = image()
        names = [f"{name}{end}" for end in ("", "b", "/b", "-b")]
        for each in names:
            client.push(each, "v1", made)
        assert client.request("DELETE", f"/v2/{name}/manifests/{made.digest}").status == 202
        statuses = [client.request("GET", f"/v2/{each}/manifests/v1").status for each in names]
        assert statuses == [404, 200, 200, 200]


class TestTags:
    @pytest.mark.parametrize("bad", BAD_TAGS, ids=lambda bad: ascii(bad)[:40])
    def test_that_are_none(self, server, client, stored, name, bad):
        """No manifest is stored, found or deleted under such a tag."""
        client.push_blob(name, b"{}")
        requests = [
            (method, f"/v2/{name}/manifests/{bad}") for method in ("GET", "HEAD", "PUT", "DELETE")
        ]
        refuse(server, stored, requests, {400, 404})

    @pytest.mark.parametrize("good", ["x" * 128, "_", "0", "a..b", "v1.", "A-", "latest__"])
    def test_that_look_odd(self, client, name, good):
        """What the grammar allows works, dots included."""
        made = index(annotations={"for": good})
        assert client.push_manifest(name, good, made).status == 201
        assert client.request("GET", f"/v2/{name}/manifests/{good}").data == made.manifest


class TestDigests:
    @pytest.mark.parametrize("bad", BAD_DIGESTS, ids=lambda bad: ascii(bad)[:40])
    def test_that_are_none(self, server, client, stored, name, bad):
        """Nothing is found, stored, mounted or deleted by such a digest."""
        session = client.start(name).partition("?")[0].removeprefix(client.url)
        requests = [
            ("GET", f"/v2/{name}/blobs/{bad}"),
            ("HEAD", f"/v2/{name}/blobs/{bad}"),
            ("DELETE", f"/v2/{name}/blobs/{bad}"),
            ("GET", f"/v2/{name}/manifests/{bad}"),
            ("PUT", f"/v2/{name}/manifests/{bad}"),
            ("DELETE", f"/v2/{name}/manifests/{bad}"),
            ("GET", f"/v2/{name}/referrers/{bad}"),
            ("POST", f"/v2/{name}/blobs/uploads/?digest={bad}"),
            ("POST", f"/v2/{name}/blobs/uploads/?mount={bad}&from={name}"),
            ("POST", f"/v2/{name}/blobs/uploads/?mount={bad}"),
            ("PUT", f"{session}?digest={bad}"),
        ]
        refuse(server, stored, requests, {400, 404})


class TestUploads:
    @pytest.mark.parametrize("bad", BAD_UPLOADS, ids=lambda bad: ascii(bad)[:40])
    def test_that_are_none(self, server, client, stored, name, bad):
        """Such a session is unknown to every method, though others exist beside it."""
        client.start(name)
        query = f"?digest=sha256:{HEX}"
        requests = [
            (method, f"/v2/{name}/blobs/uploads/{bad}{query}")
            for method in ("GET", "HEAD", "PATCH", "PUT", "DELETE")
        ]
        refuse(server, stored, requests, {400, 404, 405})


class TestRequestLines:
    @pytest.mark.parametrize(
        "target",
        [
            "/v2/../../etc/passwd",
            "/../v2/",
            "/v2/..",
            "/v2/%2e%2e/",
            "/v2/a/blobs/../../b/blobs/uploads/",
            "//v2//a//tags//list",
            "/v2/a/tags/list/../../../b",
            "/v2/%",
            "/v2/%zz/tags/list",
            "/v2/a/tags/list%3Fn=1",
            "/V2/",
            "v2/",
            "*",
            "/v2/a/tags/list#fragment",
            "http://other.example/v2/a/tags/list",
            "http:///v2/",
            "/" + "x" * 9000,
        ],
        ids=lambda target: target[:40],
    )
    def test_that_are_odd(self, server, stored, target):
        """A request line of any shape is answered below 500, and stores nothing."""
        before = stored()
        for method in ("GET", "PUT", "DELETE"):
            head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            got = raw.send(server.port, head.encode())
            assert 200 <= got.status < 500, (method, got.status)
        assert stored() == before


class TestLinks:
    @pytest.mark.parametrize("content", [b"", b"garbage", b"sha256:", b"../../x", b"\xff\x00"])
    def test_that_a_crash_left_empty(self, server, client, name, content):
        """A link without a digest in it counts as absent, and pushing again mends it."""
        made = image()
        client.push(name, "v1", made)
        folder = server.root / "docker/registry/v2/repositories" / name
        for link in folder.rglob("link"):
            link.write_bytes(content)
        blob = Digest.of(made.blobs[0])
        for path in ("manifests/v1", f"blobs/{blob}"):
            got = client.request("GET", f"/v2/{name}/{path}")
            assert (path, got.status) == (path, 404)
        assert json.loads(client.request("GET", f"/v2/{name}/tags/list").data)["tags"] == []
        client.push(name, "v1", made)
        assert client.request("GET", f"/v2/{name}/manifests/v1").data == made.manifest

    def test_of_revisions_never_lead_to_other_bytes(self, server, client, name):
        """A revision's link counts by not being empty (design 8); what it holds is not followed."""
        made, other = image(), image()
        client.push(name, "v1", made)
        client.push(name, "v2", other)
        revisions = server.root / "docker/registry/v2/repositories" / name / "_manifests/revisions"
        (revisions / "sha256" / made.digest.hex / "link").write_text(str(other.digest))
        got = client.request("GET", f"/v2/{name}/manifests/{made.digest}")
        assert (got.status, got.data) == (200, made.manifest)

    def test_of_revisions_that_a_crash_left_empty(self, server, client, name):
        """An empty link of a revision is none."""
        made = image()
        client.push(name, "v1", made)
        revisions = server.root / "docker/registry/v2/repositories" / name / "_manifests/revisions"
        (revisions / "sha256" / made.digest.hex / "link").write_bytes(b"")
        for method in ("GET", "HEAD"):
            for reference in ("v1", made.digest):
                got = client.request(method, f"/v2/{name}/manifests/{reference}")
                assert (method, reference, got.status) == (method, reference, 404)

    def test_of_layers_decide_mounts(self, client, name):
        """A blob whose link was deleted in the source is mounted from there no more."""
        digest = client.push_blob(f"{name}/a", noise(10))
        assert client.request("DELETE", f"/v2/{name}/a/blobs/{digest}").status == 202
        for query in ({"mount": digest, "from": f"{name}/a"}, {"mount": digest}):
            got = client.request("POST", f"/v2/{name}/b/blobs/uploads/", query=query)
            assert got.status == 202
        assert client.request("GET", f"/v2/{name}/b/blobs/{digest}").status == 404


class TestRegexes:
    @pytest.mark.parametrize(
        "text",
        ["a" * 8000, "a-" * 4000, "a/" * 4000, "a" + "-" * 8000, "a." * 4000 + "!", "a__" * 2600],
        ids=lambda text: text[:6],
    )
    def test_do_not_backtrack(self, client, text):
        """Names made to stall a pattern are refused at once."""
        got = client.request("GET", f"/v2/{text}/tags/list")
        assert got.status in {400, 404, 414}
        assert got.headers["Docker-Distribution-API-Version"] or got.status == 414

    def test_of_operators_see_no_endless_url(self, serve, name):
        """A layer's URL is cut off before any pattern of the operator's sees it."""
        rules = {"manifests": {"urls": {"allow": ["^https?://(a+)+$"]}}}
        client = Client(serve(validation=rules).url)
        made = image()
        client.push(name, "v1", made)
        document = json.loads(made.manifest)
        document["layers"][0]["urls"] = ["http://" + "a" * 5000 + "!"]
        got = client.push_manifest(
            name, "v2", Image(json.dumps(document).encode(), made.media_type)
        )
        assert (got.status, errors(got)) == (400, ["MANIFEST_INVALID"])
