"""The OCI conformance suite's list (registry-facts 2.3), as tests of our own.

Every toggle of the suite is on, nothing is skipped, and what the suite lets pass ("202 means
unsupported") is demanded here.
"""

import base64
import json
from collections.abc import Iterator

import pytest

from distribution import Digest
from distribution.mediatypes import OCI_INDEX, OCI_MANIFEST
from tests.support.client import Client
from tests.support.images import Image, descriptor, image, index, layer, noise
from tests.support.server import errors

algorithms = pytest.mark.parametrize("algorithm", ["sha256", "sha512"])

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
OTHER = {"sha256": Digest.of(b"never pushed"), "sha512": Digest.of(b"never pushed", "sha512")}


def blob_path(name: str, digest: Digest) -> str:
    return f"/v2/{name}/blobs/{digest}"


def manifest_path(name: str, reference: object) -> str:
    return f"/v2/{name}/manifests/{reference}"


def last_byte(content: bytes) -> str:
    return f"0-{len(content) - 1}"


class TestBase:
    def test_ping(self, client):
        """``/v2/`` answers 200."""
        got = client.request("GET", "/v2/")
        assert (got.status, got.data) == (200, b"{}")


class TestEmptyRepository:
    def test_has_no_tags(self, client, name):
        """The tags of a repository that nobody pushed to are 404 NAME_UNKNOWN."""
        got = client.request("GET", f"/v2/{name}/tags/list")
        assert (got.status, errors(got)) == (404, ["NAME_UNKNOWN"])

    @algorithms
    def test_has_no_referrers(self, client, name, algorithm):
        """Referrers of a digest that nobody knows are an empty index, not an error."""
        got = client.request("GET", f"/v2/{name}/referrers/{OTHER[algorithm]}")
        assert (got.status, got.headers["Content-Type"]) == (200, OCI_INDEX)
        assert json.loads(got.data) == {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [],
        }

    @algorithms
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_has_no_blob(self, client, name, method, algorithm):
        """A blob that nobody pushed is 404."""
        assert client.request(method, blob_path(name, OTHER[algorithm])).status == 404


# --- every way to upload a blob: each returns the answer to its last request ----------------


def post_only(client, name, content, digest):
    return client.request(
        "POST", f"/v2/{name}/blobs/uploads/", query={"digest": digest}, body=content
    )


def post_and_put(client, name, content, digest):
    return client.request("PUT", client.start(name), query={"digest": digest}, body=content)


def post_hint_and_put(client, name, content, digest):
    location = client.start(name, **{"digest-algorithm": digest.algorithm})
    return client.request("PUT", location, query={"digest": digest}, body=content)


def put_stream(client, name, content, digest):
    return client.request(
        "PUT", client.start(name), query={"digest": digest}, body=pieces(content, 1000)
    )


def patch(client, location, content, start=None):
    """Append *content*; with *start*, say where it belongs."""
    headers = {}
    if start is not None:
        headers["Content_Range"] = f"{start}-{start + len(content) - 1}"
    got = client.request("PATCH", location, body=content, **headers)
    assert got.status == 202, (got.status, got.data)
    return got


def chunked_single(client, name, content, digest):
    location = client.start(name, **{"digest-algorithm": digest.algorithm})
    got = patch(client, location, content, 0)
    assert got.headers["Range"] == last_byte(content)
    return client.request("PUT", got.headers["Location"], query={"digest": digest})


def chunked_without_hint(client, name, content, digest):
    got = patch(client, client.start(name), content, 0)
    return client.request("PUT", got.headers["Location"], query={"digest": digest})


def stream(client, name, content, digest):
    got = patch(client, client.start(name), pieces(content, 700))
    assert got.headers["Range"] == last_byte(content)
    return client.request("PUT", got.headers["Location"], query={"digest": digest})


def chunked_multi(client, name, content, digest):
    location, sent = client.start(name), 0
    for piece in pieces(content, 1000):
        got = patch(client, location, piece, sent)
        sent += len(piece)
        assert got.headers["Range"] == f"0-{sent - 1}"
        location = got.headers["Location"]
    return client.request("PUT", location, query={"digest": digest})


def chunked_multi_put_chunk(client, name, content, digest):
    got = patch(client, client.start(name), content[:1000], 0)
    return client.request(
        "PUT",
        got.headers["Location"],
        query={"digest": digest},
        body=content[1000:],
        Content_Range=f"1000-{len(content) - 1}",
    )


def out_of_order(client, name, content, digest):
    got = patch(client, client.start(name), content[:1000], 0)
    location = got.headers["Location"]
    refused = client.request(
        "PATCH", location, body=content[1500:], Content_Range=f"1500-{len(content) - 1}"
    )
    assert (refused.status, errors(refused)) == (416, ["RANGE_INVALID"])
    location = expect_offset(client, location, 1000)
    got = patch(client, location, content[1000:], 1000)
    return client.request("PUT", got.headers["Location"], query={"digest": digest})


def out_of_order_put_chunk(client, name, content, digest):
    got = patch(client, client.start(name), content[:1000], 0)
    location = got.headers["Location"]
    refused = client.request(
        "PUT",
        location,
        query={"digest": digest},
        body=content[1500:],
        Content_Range=f"1500-{len(content) - 1}",
    )
    assert (refused.status, errors(refused)) == (416, ["RANGE_INVALID"])
    location = expect_offset(client, location, 1000)
    return client.request(
        "PUT",
        location,
        query={"digest": digest},
        body=content[1000:],
        Content_Range=f"1000-{len(content) - 1}",
    )


def expect_offset(client, location, offset):
    """Ask a session where it stands; return its address."""
    status = client.request("GET", location)
    assert (status.status, status.headers["Range"]) == (204, f"0-{offset - 1}")
    return status.headers["Location"]


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[n : n + size] for n in range(0, len(content), size))


WHOLE = [post_only, post_and_put, post_hint_and_put]
FORMS = [
    *WHOLE,
    put_stream,
    chunked_single,
    chunked_without_hint,
    stream,
    chunked_multi,
    chunked_multi_put_chunk,
    out_of_order,
    out_of_order_put_chunk,
]
forms = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)


@algorithms
class TestUploads:
    @forms
    def test_end_in_a_blob(self, client, name, form, algorithm):
        """Each way to upload ends in 201, at an address that gives the bytes back."""
        content = noise(2900)
        digest = Digest.of(content, algorithm)
        got = form(client, name, content, digest)
        assert (got.status, got.headers["Docker-Content-Digest"]) == (201, str(digest))
        assert client.request("GET", got.headers["Location"]).data == content

    @forms
    def test_are_described_by_head(self, client, name, form, algorithm):
        """HEAD tells the length and the digest, without a body."""
        content = noise(2900)
        digest = Digest.of(content, algorithm)
        assert form(client, name, content, digest).status == 201
        got = client.request("HEAD", blob_path(name, digest))
        assert (got.status, got.data, got.headers["Content-Length"]) == (200, b"", "2900")
        assert got.headers["Docker-Content-Digest"] == str(digest)

    def test_can_be_deleted(self, client, name, algorithm):
        """A deleted blob is gone at once."""
        digest = client.push_blob(name, noise(100), algorithm)
        assert client.request("DELETE", blob_path(name, digest)).status == 202
        assert client.request("HEAD", blob_path(name, digest)).status == 404

    @pytest.mark.parametrize("content", [b"", b"{}"], ids=["zero bytes", "empty object"])
    @pytest.mark.parametrize("form", [*WHOLE, put_stream], ids=lambda form: form.__name__)
    def test_of_special_blobs(self, client, name, content, form, algorithm):
        """A blob of no bytes, and the empty object, are blobs as any other."""
        digest = Digest.of(content, algorithm)
        assert form(client, name, content, digest).status == 201
        got = client.request("GET", blob_path(name, digest))
        assert (got.status, got.data) == (200, content)
        assert got.headers["Content-Length"] == str(len(content))

    @forms
    def test_with_a_wrong_digest(self, client, name, form, algorithm):
        """Content that is not what its digest says is 400, and is found under no name."""
        content = noise(2900)
        wrong = Digest.of(b"something else", algorithm)
        got = form(client, name, content, wrong)
        assert (got.status, errors(got)) == (400, ["DIGEST_INVALID"])
        for digest in (wrong, Digest.of(content, algorithm)):
            assert client.request("HEAD", blob_path(name, digest)).status == 404

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    def test_can_be_cancelled(self, client, name, method, algorithm):
        """A cancelled session answers 404 to everything."""
        location = client.start(name, **{"digest-algorithm": algorithm})
        location = patch(client, location, noise(100), 0).headers["Location"]
        assert client.request("DELETE", location).status == 204
        got = client.request(method, location, query={"digest": OTHER[algorithm]})
        assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@algorithms
class TestMounts:
    def test_from_a_repository(self, client, name, algorithm):
        """A blob of another repository is mounted without sending it."""
        content = noise(500)
        digest = client.push_blob(f"{name}/source", content, algorithm)
        got = self.mount(client, name, digest, f"{name}/source")
        assert got.status == 201
        assert client.request("GET", got.headers["Location"]).data == content

    def test_without_a_source(self, client, name, algorithm):
        """An anonymous mount finds a source by itself."""
        content = noise(500)
        digest = client.push_blob(f"{name}/source", content, algorithm)
        got = self.mount(client, name, digest)
        assert got.status == 201
        assert client.request("GET", blob_path(name, digest)).data == content

    @pytest.mark.parametrize("sourced", [True, False], ids=["from", "anonymous"])
    def test_of_a_missing_blob(self, client, name, sourced, algorithm):
        """A mount of what is not there opens a session instead, and the session works."""
        content = noise(500)
        digest = Digest.of(content, algorithm)
        got = self.mount(client, name, digest, f"{name}/source" if sourced else None)
        assert got.status == 202
        got = client.request("PUT", got.headers["Location"], query={"digest": digest}, body=content)
        assert got.status == 201
        assert client.request("GET", blob_path(name, digest)).data == content

    def test_from_a_repository_without_the_blob(self, client, name, algorithm):
        """A blob elsewhere is not mounted from a repository that does not link it."""
        digest = client.push_blob(f"{name}/source", noise(500), algorithm)
        assert self.mount(client, name, digest, f"{name}/other").status == 202
        assert client.request("HEAD", blob_path(name, digest)).status == 404

    def mount(self, client, name, digest, source=None):
        query = {"mount": digest} if source is None else {"mount": digest, "from": source}
        return client.request("POST", f"/v2/{name}/blobs/uploads/", query=query)


@algorithms
class TestRanges:
    CONTENT = noise(4000, seed=1)

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [
            ("500-1499", 500, 1499),
            ("500-", 500, 3999),
            ("-500", 3500, 3999),
            ("2000-5000", 2000, 3999),
        ],
    )
    def test_of_a_blob(self, client, name, asked, first, last, algorithm):
        """A range is answered with 206, its bytes, and where they are from."""
        digest = client.push_blob(name, self.CONTENT, algorithm)
        got = client.request("GET", blob_path(name, digest), Range=f"bytes={asked}")
        assert (got.status, got.data) == (206, self.CONTENT[first : last + 1])
        assert got.headers["Content-Length"] == str(last + 1 - first)
        assert got.headers["Content-Range"] == f"bytes {first}-{last}/4000"

    @pytest.mark.parametrize("asked", ["500-0", "5000-10000"])
    def test_that_cannot_be_met(self, client, name, asked, algorithm):
        """A range without a byte in it is 416."""
        digest = client.push_blob(name, self.CONTENT, algorithm)
        got = client.request("GET", blob_path(name, digest), Range=f"bytes={asked}")
        assert (got.status, errors(got)) == (416, ["RANGE_INVALID"])
        assert got.headers["Content-Range"] == "bytes */4000"


# --- data sets: what is pushed, children first; the last is tagged ---------------------------


def artifact(*layers: bytes, kind: str = "application/vnd.test.sbom", algorithm="sha256", **more):
    """Return an artifact: a manifest with the empty config."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, EMPTY_TYPE, algorithm),
        "layers": [descriptor(each, "text/plain", algorithm) for each in layers],
        **more,
    }
    return Image(json.dumps(document).encode(), OCI_MANIFEST, [EMPTY, *layers], algorithm)


def changed(source: Image, **fields) -> Image:
    """Return *source* with some of its manifest's fields replaced."""
    document = json.loads(source.manifest) | fields
    return Image(json.dumps(document).encode(), source.media_type, source.blobs, source.algorithm)


def an_image(algorithm):
    return [image(noise(900), noise(20), algorithm=algorithm)]


def uncompressed_image(algorithm):
    return [image(layer({"a": b"a" * 5000}), layer({"b": b"b"}), algorithm=algorithm)]


def large_manifest(algorithm):
    annotations = {f"org.example.{n}": noise(1000).hex() for n in range(1940)}
    return [image(algorithm=algorithm, annotations=annotations)]


def an_index(algorithm):
    children = [image(noise(50), algorithm=algorithm) for _ in range(2)]
    return [*children, index(*children, algorithm=algorithm)]


def nested_index(algorithm):
    inner = an_index(algorithm)
    return [*inner, index(inner[-1], algorithm=algorithm)]


def empty_index(algorithm):
    return [index(algorithm=algorithm)]


def an_artifact(algorithm):
    return [artifact(b"a bill of materials", algorithm=algorithm)]


def artifact_index(algorithm):
    children = [artifact(noise(40), algorithm=algorithm) for _ in range(2)]
    return [*children, index(*children, algorithm=algorithm, artifactType="application/vnd.list")]


def artifact_without_layers(algorithm):
    return [artifact(EMPTY, algorithm=algorithm)]


def artifact_with_subject(algorithm):
    subject = image(algorithm=algorithm)
    return [subject, artifact(noise(9), algorithm=algorithm, subject=subject.descriptor())]


def index_with_subject(algorithm):
    subject, child = image(algorithm=algorithm), image(algorithm=algorithm)
    return [subject, child, index(child, algorithm=algorithm, subject=subject.descriptor())]


def missing_subject(algorithm):
    absent = image(algorithm=algorithm)
    return [artifact(noise(9), algorithm=algorithm, subject=absent.descriptor())]


def data_field(algorithm):
    content = b"carried along"
    layers = [descriptor(content, "text/plain", algorithm, data=base64.b64encode(content).decode())]
    made = changed(artifact(content, algorithm=algorithm), layers=layers)
    return [made]


def non_distributable_layers(algorithm):
    made = image(algorithm=algorithm)
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    absent = descriptor(noise(70), kind, algorithm, urls=["https://store.example/layer"])
    present = json.loads(made.manifest)["layers"]
    return [changed(made, layers=[*present, absent])]


def custom_fields(algorithm):
    made = image(layer({"c": b"c"}), algorithm=algorithm)
    document = json.loads(made.manifest)
    document["org.example.new"] = {"": [1, 2.5e3, None, "\u00fc"]}
    document["layers"][0]["later"] = True
    raw = b" \n" + json.dumps(document, indent=3, ensure_ascii=False).encode() + b"\r\n\t"
    return [Image(raw, made.media_type, made.blobs, algorithm)]


def no_layers(algorithm):
    made = image(algorithm=algorithm)
    return [Image(changed(made, layers=[]).manifest, OCI_MANIFEST, made.blobs[:1], algorithm)]


DATA_SETS = [
    an_image,
    uncompressed_image,
    large_manifest,
    an_index,
    nested_index,
    empty_index,
    an_artifact,
    artifact_index,
    artifact_without_layers,
    artifact_with_subject,
    index_with_subject,
    missing_subject,
    data_field,
    non_distributable_layers,
    custom_fields,
    no_layers,
]


def push_all(client, name, images):
    """Push blobs and manifests by digest, the last one tagged ``v1``; return all answers."""
    answers = []
    for made in images:
        for content in made.blobs:
            client.push_blob(name, content, made.algorithm)
        tagged = "?tag=v1" if made is images[-1] else ""
        answers.append(client.push_manifest(name, f"{made.digest}{tagged}", made))
    return answers


@algorithms
@pytest.mark.parametrize("make", DATA_SETS, ids=lambda make: make.__name__)
class TestData:
    def test_is_taken(self, client, name, make, algorithm):
        """Every manifest is 201, under its digest, at an address that gives its bytes back."""
        images = make(algorithm)
        for made, got in zip(images, push_all(client, name, images), strict=True):
            assert (got.status, got.headers["Docker-Content-Digest"]) == (201, str(made.digest))
            back = client.request("GET", got.headers["Location"])
            assert (back.data, back.headers["Content-Type"]) == (made.manifest, made.media_type)

    def test_names_its_subject(self, client, name, make, algorithm):
        """``OCI-Subject`` is sent when the manifest has a subject, and only then."""
        images = make(algorithm)
        for made, got in zip(images, push_all(client, name, images), strict=True):
            subject = json.loads(made.manifest).get("subject", {}).get("digest")
            assert got.headers.get("OCI-Subject") == subject

    def test_is_given_back(self, client, name, make, algorithm):
        """GET and HEAD, by tag and digest, tell the exact type, length and bytes."""
        images = make(algorithm)
        push_all(client, name, images)
        top = images[-1]
        for reference in ("v1", top.digest):
            for method, body in (("GET", top.manifest), ("HEAD", b"")):
                got = client.request(method, manifest_path(name, reference))
                assert (got.status, got.data) == (200, body)
                assert got.headers["Content-Type"] == top.media_type
                assert got.headers["Content-Length"] == str(len(top.manifest))
                assert got.headers["Docker-Content-Digest"] == str(top.digest)

    def test_is_deleted(self, client, name, make, algorithm):
        """A deleted tag leaves the manifest, a deleted manifest leaves nothing."""
        images = make(algorithm)
        push_all(client, name, images)
        by_digest = manifest_path(name, images[-1].digest)
        assert json.loads(client.request("GET", f"/v2/{name}/tags/list").data)["tags"] == ["v1"]
        assert client.request("DELETE", manifest_path(name, "v1")).status == 202
        assert client.request("HEAD", manifest_path(name, "v1")).status == 404
        assert client.request("HEAD", by_digest).status == 200
        assert client.request("DELETE", by_digest).status == 202
        assert client.request("HEAD", by_digest).status == 404


def test_large_manifest_is_large():
    """The large manifest is nearly as large as the spec asks registries to take."""
    size = len(large_manifest("sha256")[0].manifest)
    assert 3_850_000 < size < 4 << 20


class TestSparse:
    """Content that may be absent, where the operator says so."""

    @pytest.fixture
    def sparse(self, serve):
        absent = {"indexes": {"platforms": "none"}, "images": {"layers": "none"}}
        return Client(serve(validation={"manifests": absent}).url)

    def test_content_may_be_absent(self, sparse, name):
        """With sparse on, an index without children and an image without layers are taken."""
        for algorithm in ("sha256", "sha512"):
            child = image(noise(60), algorithm=algorithm)
            sparse.push_blob(name, child.blobs[0], algorithm)
            for made in (child, index(image(), child, algorithm=algorithm)):
                got = sparse.push_manifest(name, made.digest, made)
                assert got.status == 201, got.data
                assert sparse.request("GET", got.headers["Location"]).data == made.manifest

    def test_content_may_not_be_absent(self, client, name):
        """With sparse off, as it is by default, what is missing is named."""
        child = image()
        got = client.push_manifest(name, "v1", index(child))
        assert (got.status, errors(got)) == (400, ["MANIFEST_BLOB_UNKNOWN"])
        assert json.loads(got.data)["errors"][0]["detail"] == {"digest": str(child.digest)}


@algorithms
class TestReferrers:
    def push_two(self, client, name, algorithm):
        """Push an image, and two artifacts of two types that refer to it."""
        subject = image(algorithm=algorithm)
        made = [
            artifact(
                noise(9),
                kind=f"application/vnd.test.{kind}",
                algorithm=algorithm,
                subject=subject.descriptor(),
                annotations={"org.example.kind": kind},
            )
            for kind in ("sbom", "signature")
        ]
        push_all(client, name, [subject, *made])
        return subject, made

    def listed(self, client, path):
        got = client.request("GET", path)
        assert (got.status, got.headers["Content-Type"]) == (200, OCI_INDEX)
        found = sorted(json.loads(got.data)["manifests"], key=lambda each: each["digest"])
        return got.headers, found

    def expected(self, made):
        """Return the descriptor that the list must hold for an artifact."""
        document = json.loads(made.manifest)
        kept = {key: document[key] for key in ("artifactType", "annotations")}
        return made.descriptor(**kept)

    def test_are_listed(self, client, name, algorithm):
        """Each is listed by digest, type, size, artifact type and annotations."""
        subject, made = self.push_two(client, name, algorithm)
        headers, found = self.listed(client, f"/v2/{name}/referrers/{subject.digest}")
        expected = sorted(map(self.expected, made), key=lambda each: each["digest"])
        assert (found, headers.get("OCI-Filters-Applied")) == (expected, None)

    def test_are_filtered_by_type(self, client, name, algorithm):
        """A filter leaves its type alone, and says that it did."""
        subject, made = self.push_two(client, name, algorithm)
        headers, found = self.listed(
            client, f"/v2/{name}/referrers/{subject.digest}?artifactType=application/vnd.test.sbom"
        )
        assert (found, headers["OCI-Filters-Applied"]) == ([self.expected(made[0])], "artifactType")

    def test_are_paged(self, client, name, algorithm):
        """Links lead through pages of one, each referrer once, in either case of the filter."""
        subject, made = self.push_two(client, name, algorithm)
        seen = follow(client, f"/v2/{name}/referrers/{subject.digest}?n=1", "manifests")
        assert [len(page) for page in seen] == [1, 1]
        assert {page[0]["digest"] for page in seen} == {str(each.digest) for each in made}

    def test_are_paged_under_a_filter(self, client, name, algorithm):
        """The filter rides along in the link."""
        subject, made = self.push_two(client, name, algorithm)
        path = f"/v2/{name}/referrers/{subject.digest}?n=1&artifactType=application/vnd.test.sbom"
        seen = follow(client, path, "manifests")
        assert [page[0]["digest"] for page in seen if page] == [str(made[0].digest)]

    def test_are_gone_once_deleted(self, client, name, algorithm):
        """A deleted manifest refers to nothing."""
        subject, made = self.push_two(client, name, algorithm)
        assert client.request("DELETE", manifest_path(name, made[0].digest)).status == 202
        _, found = self.listed(client, f"/v2/{name}/referrers/{subject.digest}")
        assert found == [self.expected(made[1])]

    def test_of_a_missing_subject(self, client, name, algorithm):
        """A referrer is listed before its subject is there."""
        absent = image(algorithm=algorithm)
        made = artifact(noise(9), algorithm=algorithm, subject=absent.descriptor())
        push_all(client, name, [made])
        _, found = self.listed(client, f"/v2/{name}/referrers/{absent.digest}")
        assert [each["digest"] for each in found] == [str(made.digest)]

    def test_survive_the_subject(self, client, name, algorithm):
        """Deleting the subject leaves its referrers listed."""
        subject, made = self.push_two(client, name, algorithm)
        assert client.request("DELETE", manifest_path(name, subject.digest)).status == 202
        _, found = self.listed(client, f"/v2/{name}/referrers/{subject.digest}")
        assert {each["digest"] for each in found} == {str(each.digest) for each in made}

    def test_of_an_image_have_the_type_of_its_config(self, client, name, algorithm):
        """Without a type of its own an image's is its config's; an index has none."""
        subject = image(algorithm=algorithm)
        plain = image(algorithm=algorithm, subject=subject.descriptor())
        listing = index(plain, algorithm=algorithm, subject=subject.descriptor())
        push_all(client, name, [subject, plain, listing])
        _, found = self.listed(client, f"/v2/{name}/referrers/{subject.digest}")
        types = {each["digest"]: each.get("artifactType") for each in found}
        config = json.loads(plain.manifest)["config"]["mediaType"]
        assert types == {str(plain.digest): config, str(listing.digest): None}


def follow(client, path, key):
    """Return the lists under *key* of a page and all that its links lead to."""
    pages = []
    while path:
        assert len(pages) < 50, "the links lead in a circle"
        got = client.request("GET", path)
        assert got.status == 200
        pages.append(json.loads(got.data)[key])
        link = got.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
        assert not link or link.endswith('; rel="next"')
    return pages


@algorithms
class TestTagParameter:
    def test_sets_many_tags(self, client, name, algorithm):
        """A manifest PUT by digest sets every tag it names, and says which."""
        made = image(algorithm=algorithm)
        tags = [f"t{n}" for n in range(12)]
        for content in made.blobs:
            client.push_blob(name, content, algorithm)
        query = "&".join(f"tag={tag}" for tag in tags)
        got = client.push_manifest(name, f"{made.digest}?{query}", made)
        assert (got.status, got.headers["OCI-Tag"]) == (201, ", ".join(tags))
        for tag in tags:
            back = client.request("HEAD", manifest_path(name, tag))
            assert back.headers["Docker-Content-Digest"] == str(made.digest)

    def test_has_a_limit(self, client, name, algorithm):
        """More tags than a request may set are 414, and none is set."""
        made = image(algorithm=algorithm)
        for content in made.blobs:
            client.push_blob(name, content, algorithm)
        query = "&".join(f"tag=t{n}" for n in range(101))
        got = client.push_manifest(name, f"{made.digest}?{query}", made)
        assert (got.status, errors(got)) == (414, ["TAG_INVALID"])
        assert client.request("GET", f"/v2/{name}/tags/list").status == 404

    def test_may_be_absent(self, client, name, algorithm):
        """Without it no ``OCI-Tag`` is sent."""
        made = image(algorithm=algorithm)
        assert all("OCI-Tag" not in got.headers for got in push_all(client, name, [made])[:-1])
        got = client.push_manifest(name, made.digest, made)
        assert (got.status, got.headers.get("OCI-Tag")) == (201, None)


class TestManifestErrors:
    @algorithms
    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
    def test_missing_by_digest(self, client, name, method, algorithm):
        """A digest that nobody pushed is 404."""
        assert client.request(method, manifest_path(name, OTHER[algorithm])).status == 404

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
    def test_missing_by_tag(self, client, name, method):
        """A tag that nobody pushed is 404."""
        assert client.request(method, manifest_path(name, "v1")).status == 404

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_bad_digest_string(self, client, name, method):
        """A reference that is no digest is 400 whatever is done with it."""
        made = image()
        got = client.request(
            method,
            manifest_path(name, "sha256:baddigeststring"),
            body=made.manifest if method == "PUT" else None,
            Content_Type=made.media_type,
        )
        assert got.status == 400

    @algorithms
    def test_wrong_digest(self, client, name, algorithm):
        """A manifest is not taken under the digest of another one."""
        made = image(algorithm=algorithm)
        for content in made.blobs:
            client.push_blob(name, content, algorithm)
        got = client.push_manifest(name, OTHER[algorithm], made)
        assert (got.status, errors(got)) == (400, ["DIGEST_INVALID"])
        assert client.request("HEAD", manifest_path(name, OTHER[algorithm])).status == 404

    @algorithms
    def test_missing_blobs(self, client, name, algorithm):
        """A manifest whose blobs are missing is refused, each of them named."""
        made = image(algorithm=algorithm)
        got = client.push_manifest(name, made.digest, made)
        named = {each["detail"]["digest"] for each in json.loads(got.data)["errors"]}
        assert (got.status, set(errors(got))) == (400, {"MANIFEST_BLOB_UNKNOWN"})
        assert named == {str(Digest.of(blob, algorithm)) for blob in made.blobs}


class TestTagList:
    TAGS = ("0", "A", "_x", "a", "a-b", "a.b", "a0", "ab", "latest", "v10", "v2")

    @pytest.fixture
    def tagged(self, client, name):
        made = image()
        for content in made.blobs:
            client.push_blob(name, content)
        query = "&".join(f"tag={tag}" for tag in reversed(self.TAGS))
        assert client.push_manifest(name, f"{made.digest}?{query}", made).status == 201
        return f"/v2/{name}/tags/list"

    def test_is_sorted(self, client, name, tagged):
        """All tags in lexical order."""
        got = client.request("GET", tagged)
        assert json.loads(got.data) == {"name": name, "tags": list(self.TAGS)}
        assert "Link" not in got.headers

    @pytest.mark.parametrize("count", [1, 4, 10, 11, 12])
    def test_is_paged(self, client, tagged, count):
        """Links lead through all tags in pages of *n*, the last of them without a link."""
        pages = follow(client, f"{tagged}?n={count}", "tags")
        assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1)
        assert [tag for page in pages for tag in page] == list(self.TAGS)

    def test_of_no_tags(self, client, tagged):
        """``n=0`` is an empty list without a link."""
        got = client.request("GET", f"{tagged}?n=0")
        assert (json.loads(got.data)["tags"], got.headers.get("Link")) == ([], None)

    @pytest.mark.parametrize("last", ["a", "a-b", "a1", "zzz", "", "!"])
    def test_goes_on_behind_last(self, client, tagged, last):
        """``last`` itself is left out, whether it exists or not."""
        got = client.request("GET", tagged, query={"last": last})
        assert json.loads(got.data)["tags"] == [tag for tag in self.TAGS if tag > last]

    def test_forgets_deleted_tags(self, client, name, tagged):
        """A deleted tag is not listed."""
        assert client.request("DELETE", manifest_path(name, "a")).status == 202
        listed = json.loads(client.request("GET", tagged).data)["tags"]
        assert listed == [tag for tag in self.TAGS if tag != "a"]

    def test_forgets_the_tags_of_a_deleted_manifest(self, client, name, tagged):
        """Deleting a manifest takes its tags along; the repository stays known."""
        got = client.request("HEAD", manifest_path(name, "a"))
        by_digest = manifest_path(name, got.headers["Docker-Content-Digest"])
        assert client.request("DELETE", by_digest).status == 202
        assert json.loads(client.request("GET", tagged).data)["tags"] == []


class TestReadOnly:
    def test_content_is_pulled(self, serve, tmp_path, name):
        """A read-only registry gives out all that it was filled with before."""
        writable = serve()
        made = nested_index("sha256")
        assert {got.status for got in push_all(Client(writable.url), name, made)} == {201}
        assert writable.stop() == 0
        storage = {
            "filesystem": {"rootdirectory": str(writable.root)},
            "maintenance": {"readonly": {"enabled": True}},
        }
        client = Client(serve("read-only", storage=storage).url)
        for each in made:
            got = client.request("GET", manifest_path(name, each.digest))
            assert (got.status, got.data) == (200, each.manifest)
            for content in each.blobs:
                got = client.request("GET", blob_path(name, Digest.of(content)))
                assert (got.status, got.data) == (200, content)
        assert json.loads(client.request("GET", f"/v2/{name}/tags/list").data)["tags"] == ["v1"]
        assert client.request("GET", f"/v2/{name}/referrers/{made[-1].digest}").status == 200
