"""Whatever comes over the wire: never a fault of ours, and nothing stored from what was refused."""

import json
import socket
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distribution import Digest
from distribution.mediatypes import MANIFESTS, OCI_MANIFEST
from tests.support import raw
from tests.support.client import Client
from tests.support.images import image, index, noise
from tests.support.server import Server

CONTENT = noise(3000, seed=11)
BLOB = Digest.of(CONTENT)
MADE = image(noise(30, seed=12))
SESSION = "00000000-0000-4000-8000-000000000000"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


def budget(examples: int) -> Callable:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


class Target:
    """A registry of its own, small enough to be compared before and after each request."""

    def __init__(self, server: Server) -> None:
        self.server = server
        client = Client(server.url)
        client.push_blob("repo", CONTENT)
        client.push("repo", "v1", MADE)
        client.push_blob("kept", CONTENT)  # where no DELETE that is drawn can reach it
        self.session = client.start("repo").removeprefix(server.url).partition("?")[0]

    def stored(self) -> set[str]:
        """List what is stored; what a session keeps for itself while it is open is its own."""
        session = f"/_uploads/{self.session.rpartition('/')[2]}/"
        return {
            path
            for path in raw.tree(self.server.folder)
            if not path.startswith(("root/.distribution", "log")) and session not in path
        }

    def send(self, method: str, path: str, *lines: str, body: bytes = b"") -> raw.Answer:
        """Send a request, sized if nothing else was said; hold the answer to what is promised."""
        framed = any(line.lower().startswith(("content-length", "transfer-e")) for line in lines)
        length = [] if framed else [f"Content-Length: {len(body)}"]
        return self.send_bytes(raw.head(method, path, *lines, *length) + body, method)

    def send_bytes(self, request: bytes, method: str = "GET") -> raw.Answer:
        before = self.stored()
        with raw.connection(self.server.port) as opened:
            try:
                opened.sendall(request)
                opened.shutdown(socket.SHUT_WR)
            except OSError:  # refused before it was all sent
                pass
            got = raw.receive(opened, method)
        assert got.status < 500 or got.status in {501, 503, 505}, (request[:300], got.data)
        if got.status >= 400:
            assert self.stored() == before, request[:300]
        return got


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with Server(tmp_path_factory.mktemp("fuzz")) as server:
        yield Target(server)
        assert server.stop() == 0
        assert "Traceback" not in server.log


# --- what a path may hold: anything, with a liking for what matters ---------------------------

pieces = st.one_of(
    st.sampled_from(
        [
            *("a", "repo", "..", ".", "/", "//", "_", "-", "__", ":", "@", "%", "%2f", "%2e%2e"),
            *("%00", "%0d%0a", "blobs", "uploads", "manifests", "tags", "list", "_catalog", "v1"),
            *("referrers", "sha256:", "sha512:", BLOB.hex, str(BLOB), SESSION, "A", "\u00e9"),
        ]
    ),
    st.text(max_size=8).map(lambda text: quote(text, errors="replace")),
)
texts = st.lists(pieces, max_size=7).map("".join)
methods = st.sampled_from(METHODS)
lines = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=60)


def line_safe(text: str) -> str:
    """Leave out what would end a request line, or a header, early."""
    return "".join(c for c in text if c not in "\r\n\x00 ")


class TestFuzz:
    @budget(300)
    @given(
        methods,
        texts,
        st.sampled_from(
            [
                "/tags/list",
                "/manifests/v1",
                f"/manifests/{MADE.digest}",
                f"/blobs/{BLOB}",
                "/blobs/uploads/",
                f"/blobs/uploads/{SESSION}",
                f"/referrers/{BLOB}",
            ]
        ),
    )
    def test_names(self, target, method, name, route):
        """Repository names."""
        target.send(method, f"/v2/{line_safe(name)}{route}")

    @budget(300)
    @given(
        methods,
        st.sampled_from(["manifests/", "blobs/", "blobs/uploads/", "referrers/", "tags/", ""]),
        texts,
    )
    def test_references(self, target, method, kind, reference):
        """Tags, digests and session ids."""
        target.send(method, f"/v2/repo/{kind}{line_safe(reference)}")

    @budget(240)
    @given(methods, texts.map(line_safe), lines)
    def test_paths_and_queries(self, target, method, path, query):
        """Whole paths, with a query string."""
        target.send(method, f"/{path}?{line_safe(query)}")

    @budget(240)
    @given(
        st.sampled_from(
            ["/v2/_catalog", "/v2/repo/tags/list", f"/v2/repo/referrers/{MADE.digest}"]
        ),
        st.dictionaries(
            st.sampled_from(["n", "last", "artifactType", "ns", "x"]),
            st.one_of(st.text(max_size=12), st.integers().map(str), st.floats().map(str)),
        ),
    )
    def test_pages(self, target, path, query):
        """The numbers and marks of pages."""
        encoded = "&".join(f"{key}={quote(text, errors='replace')}" for key, text in query.items())
        assert target.send("GET", f"{path}?{encoded}").status in {200, 400}

    @budget(240)
    @given(
        st.one_of(
            lines,
            st.lists(
                st.tuples(
                    st.one_of(st.just(""), st.integers(0, 4000).map(str)),
                    st.one_of(st.just(""), st.integers(0, 4000).map(str)),
                ),
                max_size=70,
            ).map(lambda pairs: "bytes=" + ",".join(f"{a}-{b}" for a, b in pairs)),
        )
    )
    def test_ranges(self, target, asked):
        """``Range``: whatever is sent back is what its headers say."""
        got = target.send("GET", f"/v2/kept/blobs/{BLOB}", f"Range: {asked}")
        assert got.status in {200, 206, 400, 416}
        if got.status == 200:
            assert got.data == CONTENT
        if got.status == 206:
            assert len(got.data) == int(got.headers["Content-Length"])
            if where := got.headers["Content-Range"]:
                first, _, last = where.removeprefix("bytes ").partition("/")[0].partition("-")
                assert got.data == CONTENT[int(first) : int(last) + 1]

    @budget(300)
    @given(
        methods,
        st.sampled_from(
            ["/v2/", f"/v2/repo/blobs/{BLOB}", "/v2/repo/manifests/v1", "/v2/repo/blobs/uploads/"]
        ),
        st.lists(
            st.tuples(
                st.one_of(
                    st.sampled_from(
                        [
                            *("Host", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"),
                            *("If-None-Match", "If-Range", "Range", "Content-Range", "Accept"),
                            *("Content-Type", "Content-Length", "Transfer-Encoding", "Expect"),
                            *("Connection", "SCRIPT_NAME", "PATH_INFO", "Cookie", "Upgrade"),
                        ]
                    ),
                    st.from_regex(r"[A-Za-z_-]{1,12}", fullmatch=True),
                ),
                st.one_of(
                    lines, st.sampled_from(["*", "chunked", "0", "-1", "100-continue", "https"])
                ),
            ),
            max_size=5,
        ),
        st.binary(max_size=20),
    )
    def test_headers(self, target, method, path, headers, body):
        """Headers of any name and value."""
        target.send(method, path, *(f"{name}: {value}" for name, value in headers), body=body)

    @budget(300)
    @given(
        st.sampled_from(["PATCH", "PUT"]),
        st.one_of(
            lines, st.tuples(st.integers(0, 9), st.integers(0, 9)).map("{0[0]}-{0[1]}".format)
        ),
        st.binary(max_size=12),
        st.booleans(),
    )
    def test_content_ranges(self, target, method, where, body, chunked):
        """``Content-Range`` and bodies that may or may not agree with it."""
        before = Client(target.server.url).request("GET", target.session)
        assert before.status == 204
        path = f"{target.session}?digest={BLOB}"
        if (
            method == "PUT"
        ):  # its body is never BLOB's, so it is sent to a session that is not there
            path = f"/v2/repo/blobs/uploads/{SESSION}?digest={BLOB}"
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        target.send(method, path, f"Content-Range: {where}", framing, body=body)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(st.text(max_size=6), children, max_size=3)
        ),
        max_leaves=8,
    )

    @budget(420)
    @given(
        st.sampled_from([MADE, index(MADE), index()]),
        st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        *("schemaVersion", "mediaType", "config", "layers", "manifests", "subject"),
                        *("annotations", "artifactType", "digest", "size", "urls", "platform"),
                    ]
                ),
                json_values,
                st.booleans(),
            ),
            max_size=3,
        ),
        st.sampled_from([*sorted(MANIFESTS), "", "application/json"]),
    )
    def test_manifests(self, target, made, changes, content_type):
        """Manifests with fields changed: what is taken comes back as it was sent."""
        document = json.loads(made.manifest)
        for key, value, deep in changes:
            place = document.get("config") if deep else document
            if isinstance(place, dict):
                place[key] = value
        self.put(target, json.dumps(document).encode(), content_type)

    @budget(300)
    @given(
        st.one_of(st.binary(max_size=60), json_values.map(json.dumps).map(str.encode)), st.data()
    )
    def test_bodies(self, target, body, data):
        """Bodies that are no manifest, or one with a few bytes changed."""
        if data.draw(st.booleans()):
            cut = data.draw(st.integers(0, len(MADE.manifest)))
            keep = data.draw(st.integers(0, 3))
            body = MADE.manifest[:cut] + body[:keep] + MADE.manifest[cut + keep :]
        self.put(target, body, OCI_MANIFEST)

    def put(self, target: Target, body: bytes, content_type: str) -> None:
        got = target.send(
            "PUT", "/v2/repo/manifests/fuzz", f"Content-Type: {content_type}", body=body
        )
        assert got.status in {201, 400}
        if got.status == 201:
            back = Client(target.server.url).request("GET", "/v2/repo/manifests/fuzz")
            assert (back.status, back.data) == (200, body)

    @budget(300)
    @given(st.binary(max_size=120), st.booleans())
    def test_bytes(self, target, garbage, headed):
        """Bytes that are no request, or a request line with bytes behind it."""
        start = b"PUT /v2/repo/manifests/v1 HTTP/1.1\r\nHost: x\r\n" if headed else b""
        target.send_bytes(start + garbage)

    @budget(180)
    @given(st.binary(max_size=60))
    def test_chunks(self, target, garbage):
        """Bytes that are no chunks."""
        head = raw.head("PATCH", target.session, "Transfer-Encoding: chunked")
        with raw.connection(target.server.port) as opened:
            opened.sendall(head + garbage)
            opened.shutdown(socket.SHUT_WR)
            got = raw.receive(opened, "PATCH")
        assert got.status in {202, 400, 408}

    @budget(240)
    @given(st.text(max_size=80), st.sampled_from(["GET", "PATCH", "PUT", "DELETE"]))
    def test_states(self, target, state, method):
        """Tokens that we did not sign."""
        path = f"{target.session}?_state=x{quote(state, errors='replace')}&digest={BLOB}"
        assert target.send(method, path).status == 404
