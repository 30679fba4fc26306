"""``/v2/<name>/manifests/<reference>``: what is taken, what is refused, and how it is served."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from distribution import Digest
from distribution.mediatypes import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.support import raw
from tests.support.images import Image, image, index, noise
from tests.support.local import Local
from tests.support.server import errors

LIMIT = 4 << 20
KINDS = {
    "OCI image": image(noise(20, seed=5)),
    "Docker image": image(noise(20, seed=5), docker=True),
    "OCI index": index(),
    "Docker list": index(docker=True),
}
kinds = pytest.mark.parametrize("made", KINDS.values(), ids=KINDS.keys())
GOOD = json.loads(KINDS["OCI image"].manifest)


@pytest.fixture
def filled(local: Local) -> Local:
    for tag, made in KINDS.items():
        local.push("repo", tag.replace(" ", "-"), made)
    return local


class TestServing:
    @kinds
    @pytest.mark.parametrize(
        "accept",
        [
            "*/*",
            "",
            "text/html",
            OCI_MANIFEST,
            DOCKER_LIST,
            f"{OCI_INDEX};q=0.5, application/json;q=0.1",
            "garbage//;;",
        ],
    )
    def test_ignores_accept(self, filled, made, accept):
        """A manifest is sent as it is stored, whatever the client would rather have."""
        got = filled.request("GET", f"/v2/repo/manifests/{made.digest}", Accept=accept)
        assert (got.status, got.data) == (200, made.manifest)
        assert got.headers["Content-Type"] == made.media_type

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    @pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"x", "{}"', "*"])
    def test_of_what_the_client_has(self, filled, method, by, form):
        """A client that names the digest has the manifest already: 304."""
        made = KINDS["OCI image"]
        reference = "OCI-image" if by == "tag" else made.digest
        got = filled.request(
            method, f"/v2/repo/manifests/{reference}", If_None_Match=form.format(made.digest)
        )
        assert (got.status, got.data) == (304, b"")
        assert got.headers["ETag"] == f'"{made.digest}"'
        assert got.headers["Docker-Content-Digest"] == str(made.digest)

    @pytest.mark.parametrize("condition", ['"x"', f'"{Digest.of(b"x")}"'])
    def test_of_what_the_client_has_not(self, filled, condition):
        """Any other entity tag gets the manifest."""
        got = filled.request("GET", "/v2/repo/manifests/OCI-image", If_None_Match=condition)
        assert (got.status, got.data) == (200, KINDS["OCI image"].manifest)

    def test_needs_a_revision_in_the_repository(self, filled):
        """A manifest of one repository does not exist in another."""
        made = KINDS["OCI image"]
        for method in ("GET", "HEAD", "DELETE"):
            got = filled.request(method, f"/v2/other/manifests/{made.digest}")
            assert got.status == 404

    def test_is_not_of_blobs(self, filled):
        """A blob is no manifest, and a manifest no blob, of the same repository."""
        made = KINDS["OCI image"]
        blob = Digest.of(made.blobs[0])
        assert filled.request("GET", f"/v2/repo/manifests/{blob}").status == 404
        assert filled.request("GET", f"/v2/repo/blobs/{made.digest}").status == 404


class TestContentType:
    @kinds
    @pytest.mark.parametrize(
        "form", ["{}; charset=utf-8", "{} ;q=1", " {}", "{};", ""], ids=lambda form: form or "none"
    )
    def test_is_stripped_of_parameters(self, local, made, form):
        """Parameters do not change the type; without one the body's own word counts."""
        for content in made.blobs:
            local.push_blob("repo", content)
        got = local.request(
            "PUT",
            "/v2/repo/manifests/v1",
            body=made.manifest,
            Content_Type=form.format(made.media_type),
        )
        assert got.status == 201
        back = local.request("GET", "/v2/repo/manifests/v1")
        assert back.headers["Content-Type"] == made.media_type

    @pytest.mark.parametrize("sent", [OCI_INDEX, DOCKER_MANIFEST, "application/json", "x", "*/*"])
    def test_must_be_the_manifests_own(self, filled, sent):
        """Another type than the body's own is refused (CVE-2021-41190)."""
        made = KINDS["OCI image"]
        got = filled.request("PUT", "/v2/repo/manifests/v1", body=made.manifest, Content_Type=sent)
        assert (got.status, errors(got)) == (400, ["MANIFEST_INVALID"])


def variant(**fields) -> bytes:
    return json.dumps(GOOD | fields).encode()


def without(key: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name != key}).encode()


def layer_with(**fields) -> bytes:
    return variant(layers=[GOOD["layers"][0] | fields])


TEXT = json.dumps(GOOD)
INVALID = {
    "empty": b"",
    "no JSON": b"hello",
    "cut off": TEXT[:-1].encode(),
    "two documents": (TEXT + TEXT).encode(),
    "byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "invalid UTF-8": TEXT.replace('"schemaVersion"', '"x": "\xff", "schemaVersion"').encode(
        "latin-1"
    ),
    "lone surrogate": variant(annotations={"a": "\ud800"}),
    "lone surrogate as a key": variant(**{"\udfff": 1}),
    "array": b"[]",
    "number": b"1",
    "null": b"null",
    "duplicate key": TEXT.replace('"schemaVersion"', '"config": {}, "schemaVersion"').encode(),
    "duplicate key within": TEXT.replace('"size"', '"size": 1, "size"').encode(),
    "duplicate key by escape": TEXT.replace('"config"', '"\\u0063onfig": 1, "config"', 1).encode(),
    "key in another case": TEXT.replace(
        '"schemaVersion"', '"Layers": [], "schemaVersion"'
    ).encode(),
    "NaN": TEXT.replace('"schemaVersion"', '"x": NaN, "schemaVersion"').encode(),
    "Infinity": TEXT.replace('"schemaVersion"', '"x": -Infinity, "schemaVersion"').encode(),
    "number beyond all bounds": TEXT.replace(
        '"schemaVersion"', '"x": 1e999, "schemaVersion"'
    ).encode(),
    "integer of 10000 digits": TEXT.replace(
        '"schemaVersion"', f'"x": {"9" * 10000}, "schemaVersion"'
    ).encode(),
    "nested arrays": TEXT.replace(
        '"schemaVersion"', f'"x": {"[" * 200}{"]" * 200}, "schemaVersion"'
    ).encode(),
    "nested beyond the stack": b'{"a":' * 100_000,
    "nested beyond the stack, arrays": b"[" * 1_000_000,
    "schema 1": variant(schemaVersion=1),
    "schema 3": variant(schemaVersion=3),
    "schema of text": variant(schemaVersion="2"),
    "schema of truth": variant(schemaVersion=True),
    "schema missing": without("schemaVersion"),
    "config missing": without("config"),
    "config null": variant(config=None),
    "config a list": variant(config=[]),
    "image with manifests": variant(manifests=[]),
    "image with fsLayers": variant(fsLayers=[]),
    "layers an object": variant(layers={}),
    "layers of text": variant(layers=["x"]),
    "media type a number": variant(mediaType=1),
    "media type unknown": variant(mediaType="application/vnd.example"),
    "size negative": layer_with(size=-1),
    "size beyond 63 bits": layer_with(size=2**63),
    "size of text": layer_with(size="5"),
    "size a fraction": layer_with(size=1.5),
    "size of truth": layer_with(size=True),
    "size null": layer_with(size=None),
    "digest malformed": layer_with(digest="sha256:zz"),
    "digest of a path": layer_with(digest="sha256:../../../etc/passwd"),
    "digest upper case": layer_with(digest=GOOD["layers"][0]["digest"].upper()),
    "digest a number": layer_with(digest=1),
    "layer without a type": layer_with(mediaType=""),
    "URL of a file": layer_with(urls=["file:///etc/passwd"]),
    "URL of a script": layer_with(urls=["javascript:alert(1)"]),
    "URL with a broken host": layer_with(urls=["http://[::1"]),
    "URL with a fragment": layer_with(urls=["http://host/x#y"]),
    "annotations of numbers": variant(annotations={"a": 1}),
    "annotations a list": variant(annotations=["a"]),
    "subject of text": variant(subject="sha256:x"),
    "artifactType a number": variant(artifactType=1),
}


class TestRefused:
    @pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
    def test_stores_nothing(self, client, name, stored, body):
        """What is no sound manifest is 400 MANIFEST_INVALID, and leaves no trace."""
        for content in KINDS["OCI image"].blobs:
            client.push_blob(name, content)
        before = stored()
        got = client.request(
            "PUT", f"/v2/{name}/manifests/v1", body=body, Content_Type=OCI_MANIFEST
        )
        assert (got.status, errors(got)) == (400, ["MANIFEST_INVALID"])
        assert stored() == before

    @pytest.mark.parametrize("key", ["config", "layers", "fsLayers"])
    @pytest.mark.parametrize("kind", ["OCI index", "Docker list"])
    def test_index_with_keys_of_an_image(self, local, key, kind):
        """An index that could be read as an image is refused (CVE-2021-41190)."""
        made = KINDS[kind]
        body = json.dumps(json.loads(made.manifest) | {key: []}).encode()
        got = local.request("PUT", "/v2/repo/manifests/v1", body=body, Content_Type=made.media_type)
        assert (got.status, errors(got)) == (400, ["MANIFEST_INVALID"])

    @pytest.mark.parametrize(
        "kind",
        [
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.oci.artifact.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
        ],
    )
    def test_other_kinds(self, local, kind):
        """Schema 1, artifact manifests and what is no manifest at all are not taken."""
        body = json.dumps({"schemaVersion": 2, "mediaType": kind}).encode()
        got = local.request("PUT", "/v2/repo/manifests/v1", body=body, Content_Type=kind)
        assert (got.status, errors(got)) == (400, ["MANIFEST_INVALID"])

    def test_blobs_of_another_repository(self, client, name, stored):
        """A manifest may not refer to what only another repository holds."""
        made = image()
        for content in made.blobs:
            client.push_blob(f"{name}/other", content)
        before = stored()
        got = client.push_manifest(name, "v1", made)
        assert (got.status, set(errors(got))) == (400, {"MANIFEST_BLOB_UNKNOWN"})
        assert stored() == before

    def test_tag_parameter_that_is_no_tag(self, client, name, stored):
        """One bad tag among good ones refuses them all."""
        made = image()
        for content in made.blobs:
            client.push_blob(name, content)
        before = stored()
        for query in ("tag=v1&tag=..", "tag=", "tag=a/b", "tag=%00", f"tag={'x' * 129}"):
            got = client.push_manifest(name, f"{made.digest}?{query}", made)
            assert (query, got.status, errors(got)) == (query, 400, ["TAG_INVALID"])
        assert stored() == before


def sized(size: int) -> Image:
    """Return an index of exactly *size* bytes."""
    empty = index(annotations={"a": ""})
    made = index(annotations={"a": "x" * (size - len(empty.manifest))})
    assert len(made.manifest) == size
    return made


class TestSize:
    def test_at_the_limit_is_taken(self, client, name):
        """A manifest of 4 MiB is taken and comes back whole."""
        made = sized(LIMIT)
        assert client.push_manifest(name, "v1", made).status == 201
        assert client.request("GET", f"/v2/{name}/manifests/v1").data == made.manifest

    @pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
    def test_beyond_the_limit_is_413(self, server, name, stored, chunked):
        """One byte more is 413, however it comes (CVE-2017-11468)."""
        body = sized(LIMIT + 1).manifest
        before = stored()
        lines = [f"Content-Type: {OCI_INDEX}"]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
            pieces = [b"%x\r\n%s\r\n" % (len(body), body), b"0\r\n\r\n"]
        else:
            lines.append(f"Content-Length: {len(body)}")
            pieces = [body]
        got = raw.send(server.port, raw.head("PUT", f"/v2/{name}/manifests/v1", *lines), *pieces)
        assert (got.status, errors(got)) == (413, ["MANIFEST_INVALID"])
        assert stored() == before

    def test_is_not_waited_for(self, server, name):
        """A length beyond the limit is refused before the body is there."""
        head = raw.head("PUT", f"/v2/{name}/manifests/v1", f"Content-Length: {1 << 40}")
        assert raw.send(server.port, head).status == 413

    def test_endless_chunks_are_cut_off(self, server, name):
        """A body without an end is refused once it is beyond the limit."""
        head = raw.head("PUT", f"/v2/{name}/manifests/v1", "Transfer-Encoding: chunked")
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        assert raw.send(server.port, head, *[chunk] * 6).status == 413


class TestTags:
    def test_move(self, client, name):
        """A tag pushed again points at the new manifest; the old one stays by its digest."""
        first, second = image(), image()
        client.push(name, "v1", first)
        client.push(name, "v1", second)
        assert client.request("GET", f"/v2/{name}/manifests/v1").data == second.manifest
        got = client.request("GET", f"/v2/{name}/manifests/{first.digest}")
        assert got.data == first.manifest

    def test_are_case_sensitive(self, client, name):
        """``V1`` is not ``v1``."""
        client.push(name, "v1", image())
        assert client.request("GET", f"/v2/{name}/manifests/V1").status == 404

    def test_named_twice_are_one(self, client, name):
        """The same tag twice in a request is set, and told, once."""
        made = image()
        for content in made.blobs:
            client.push_blob(name, content)
        got = client.push_manifest(name, f"{made.digest}?tag=a&tag=a", made)
        assert (got.status, got.headers["OCI-Tag"]) == (201, "a")

    def test_concurrent_deletes_are_202_or_404(self, fresh, name):
        """Of many deletes at once one wins, and none fails."""
        client = fresh()
        made = image()
        client.push(name, "v1", made)
        paths = [f"/v2/{name}/manifests/{end}" for end in ("v1", made.digest)] * 6
        with ThreadPoolExecutor(12) as pool:
            statuses = list(pool.map(lambda path: fresh().request("DELETE", path).status, paths))
        assert set(statuses) <= {202, 404}
        assert 202 in statuses
