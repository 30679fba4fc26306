"""``Location`` and ``Link`` as clients must see them, behind proxies and liars alike."""

import pytest

from distribution import Digest
from distribution.registry.app import create_app
from distribution.registry.urls import Urls
from tests.support import raw
from tests.support.client import Client
from tests.support.images import image
from tests.support.local import Local, site

MADE = image(layers=[])
CONTENT = MADE.blobs[0]
HERE = "http://registry.test"


def locations(local: Local, **headers) -> list[str]:
    """Push a blob and a manifest; return the addresses told on the way, without the state."""
    session = local.request("POST", "/v2/repo/blobs/uploads/", **headers)
    address = "/v2/" + session.headers["Location"].rpartition("/v2/")[2]
    appended = local.request("PATCH", address, body=CONTENT, **headers)
    address = "/v2/" + appended.headers["Location"].rpartition("/v2/")[2]
    query = {"digest": Digest.of(CONTENT)}
    blob = local.request("PUT", address, query=query, **headers)
    manifest = local.request(
        "PUT", "/v2/repo/manifests/v1", body=MADE.manifest, Content_Type=MADE.media_type, **headers
    )
    return [
        got.headers["Location"].partition("?")[0] for got in (session, appended, blob, manifest)
    ]


def bases(found: list[str], prefix: str = "") -> set[str]:
    """Return what stands before the routes of *locations*."""
    ends = [
        f"{prefix}/v2/repo/blobs/uploads/",
        f"{prefix}/v2/repo/blobs/uploads/",
        f"{prefix}/v2/repo/blobs/{Digest.of(CONTENT)}",
        f"{prefix}/v2/repo/manifests/{MADE.digest}",
    ]
    assert all(end in each for end, each in zip(ends, found, strict=True)), found
    return {each.partition(end)[0] for end, each in zip(ends, found, strict=True)}


TOLD = {
    "nothing": ({}, HERE),
    "host with a port": ({"Host": "reg.example:5000"}, "http://reg.example:5000"),
    "IPv6": ({"Host": "[::1]:5000"}, "http://[::1]:5000"),
    "X-Forwarded-Proto": ({"X_Forwarded_Proto": "https"}, "https://registry.test"),
    "X-Forwarded-Host": ({"X_Forwarded_Host": "reg.example"}, "http://reg.example"),
    "both": (
        {"X_Forwarded_Proto": "HTTPS", "X_Forwarded_Host": "reg.example:8443"},
        "https://reg.example:8443",
    ),
    "lists": (
        {"X_Forwarded_Proto": "https, http", "X_Forwarded_Host": " reg.example , inner"},
        "https://reg.example",
    ),
    "Forwarded": ({"Forwarded": "proto=https;host=reg.example"}, "https://reg.example"),
    "Forwarded, quoted": (
        {"Forwarded": 'for="[2001:db8::1]";Host="reg.example:8443";Proto=https'},
        "https://reg.example:8443",
    ),
    "Forwarded, a list": (
        {"Forwarded": "proto=https;host=reg.example, proto=http;host=inner"},
        "https://reg.example",
    ),
    "Forwarded, scheme alone": ({"Forwarded": "proto=https"}, "https://registry.test"),
    "Forwarded, neither": ({"Forwarded": "for=192.0.2.1"}, HERE),
    "Forwarded over the others": (
        {
            "Forwarded": "proto=https;host=reg.example",
            "X_Forwarded_Host": "other",
            "X_Forwarded_Proto": "http",
        },
        "https://reg.example",
    ),
    "Forwarded, garbage": ({"Forwarded": ";;=,,"}, HERE),
}

#: Each is answered with an address that names no host at all.
LIES = {
    "script as scheme": {"X_Forwarded_Proto": "javascript"},
    "other scheme": {"X_Forwarded_Proto": "ftp"},
    "scheme with a host": {"X_Forwarded_Proto": "https://evil.example/?"},
    "script as host": {"X_Forwarded_Host": "javascript:alert(1)"},
    "path": {"X_Forwarded_Host": "evil.example/path"},
    "query": {"X_Forwarded_Host": "evil.example?x"},
    "fragment": {"X_Forwarded_Host": "evil.example#"},
    "user": {"X_Forwarded_Host": "registry.test@evil.example"},
    "backslash": {"X_Forwarded_Host": "evil.example\\"},
    "space": {"X_Forwarded_Host": "evil example"},
    "markup": {"X_Forwarded_Host": "<script>"},
    "quote": {"X_Forwarded_Host": 'evil"'},
    "endless port": {"X_Forwarded_Host": "evil.example:123456"},
    "endless host": {"X_Forwarded_Host": "e" * 256},
    "Forwarded host with a path": {"Forwarded": 'host="evil.example/x"'},
    "Forwarded script": {"Forwarded": "proto=javascript;host=evil.example"},
    "Host with a path": {"Host": "evil.example/x"},
    "Host with a user": {"Host": "a@evil.example"},
}


class TestLocation:
    @pytest.mark.parametrize(("headers", "expected"), TOLD.values(), ids=TOLD.keys())
    def test_is_as_the_outermost_proxy_saw_it(self, local, headers, expected):
        """Every address has the scheme and host that the client used."""
        assert bases(locations(local, **headers)) == {expected}

    @pytest.mark.parametrize("headers", LIES.values(), ids=LIES.keys())
    def test_names_no_host_that_is_none(self, local, headers):
        """A header that holds more than a scheme or a host is not repeated."""
        assert bases(locations(local, **headers)) == {""}

    @pytest.mark.parametrize("headers", [*LIES.values(), *(told for told, _ in TOLD.values())])
    def test_is_the_operators_where_set(self, headers):
        """``http.host`` wins over whatever a request says."""
        local = Local(create_app(site(urls=Urls(host="https://reg.example/"))))
        assert bases(locations(local, **headers)) == {"https://reg.example"}

    @pytest.mark.parametrize("headers", [*LIES.values(), *(told for told, _ in TOLD.values())])
    def test_is_relative_where_set(self, headers):
        """With ``relativeurls`` no address names a host."""
        local = Local(create_app(site(urls=Urls(host="https://reg.example", relative=True))))
        assert bases(locations(local, **headers)) == {""}

    def test_holds_where_the_application_is_mounted(self, local):
        """Below a path of another WSGI application, addresses begin with it."""
        got = local.request("POST", "/v2/repo/blobs/uploads/", extras={"SCRIPT_NAME": "/mounted"})
        assert got.headers["Location"].startswith(f"{HERE}/mounted/v2/repo/blobs/uploads/")

    @pytest.mark.parametrize(
        "line",
        ["X-Forwarded-Host: evil\rX-Bad: 1", "Forwarded: host=a\x00b", "X-Forwarded-Proto: a\n b"],
        ids=["CR", "NUL", "folded"],
    )
    def test_cannot_be_split(self, server, name, line):
        """A control character in a header never comes back as a header of ours."""
        head = raw.head("POST", f"/v2/{name}/blobs/uploads/", "Content-Length: 0", line)
        got = raw.send(server.port, head)
        assert got.status in {202, 400}
        assert "X-Bad" not in got.headers
        assert "evil" not in got.headers.get("Location", "")

    def test_over_a_real_server_follows_its_proxy(self, client, name):
        """gunicorn hands on what a proxy says, of the scheme too."""
        got = client.request(
            "POST",
            f"/v2/{name}/blobs/uploads/",
            X_Forwarded_Proto="https",
            X_Forwarded_Host="reg.example",
        )
        assert got.headers["Location"].startswith(f"https://reg.example/v2/{name}/blobs/uploads/")

    @pytest.mark.parametrize(
        "line", ["SCRIPT_NAME: /evil", "Script-Name: /evil", "PATH_INFO: /v2/", "REMOTE_USER: x"]
    )
    def test_is_not_moved_by_headers_named_like_variables(self, server, name, line):
        """A header that is called like a WSGI variable changes nothing, and breaks nothing."""
        head = raw.head("POST", f"/v2/{name}/blobs/uploads/", "Content-Length: 0", line)
        got = raw.send(server.port, head)
        assert got.status == 202
        assert got.headers["Location"].startswith(f"http://localhost/v2/{name}/")


class TestPrefix:
    @pytest.fixture
    def prefixed(self):
        return Local(create_app(site(urls=Urls(prefix="/reg/"))))

    @pytest.mark.parametrize("path", ["/v2/", "/v2", "/v2/_catalog", "/regv2/", "/reg"])
    def test_stands_before_every_route(self, prefixed, path):
        """Without the prefix no route is found."""
        assert prefixed.request("GET", path).status == 404

    @pytest.mark.parametrize(
        ("path", "status"), [("/reg/", 200), ("/reg/v2/", 200), ("/reg/v2", 301), ("/", 200)]
    )
    def test_leads_to_the_routes(self, prefixed, path, status):
        """Below it everything is as usual; the probe is at the root too."""
        assert prefixed.request("GET", path).status == status

    def test_is_in_links(self, prefixed):
        """A link to the next page holds the prefix."""
        for name in ("a", "b"):
            query = {"digest": Digest.of(CONTENT)}
            prefixed.request("POST", f"/reg/v2/{name}/blobs/uploads/", query=query, body=CONTENT)
            got = prefixed.request(
                "PUT",
                f"/reg/v2/{name}/manifests/v1",
                body=MADE.manifest,
                Content_Type=MADE.media_type,
            )
            assert got.headers["Location"] == f"{HERE}/reg/v2/{name}/manifests/{MADE.digest}"
        got = prefixed.request("GET", "/reg/v2/_catalog?n=1")
        assert got.headers["Link"] == '</reg/v2/_catalog?last=a&n=1>; rel="next"'

    def test_is_in_the_redirect(self, prefixed):
        """``/reg/v2`` leads to ``/reg/v2/``."""
        assert prefixed.request("GET", "/reg/v2").headers["Location"] == "/reg/v2/"

    def test_over_a_real_server(self, serve_http):
        """A whole push and pull goes on below the prefix, by the addresses that are told."""
        server = serve_http(prefix="/reg/", relativeurls=True)
        client = Client(server.url)
        got = client.request("POST", "/reg/v2/repo/blobs/uploads/")
        assert got.headers["Location"].startswith("/reg/v2/repo/blobs/uploads/")
        query = {"digest": Digest.of(CONTENT)}
        got = client.request("PUT", got.headers["Location"], query=query, body=CONTENT)
        assert (got.status, client.request("GET", got.headers["Location"]).data) == (201, CONTENT)
