"""The request sequences of clients that are not here, each step with what the client relies on."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

import pytest

from distribution import Digest
from distribution.mediatypes import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.support import raw
from tests.support.client import Client
from tests.support.images import Image, descriptor, image, index, noise
from tests.support.multipart import expected_parts, read_parts

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"


def artifact(*layers: bytes, kind: str, **more) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, EMPTY_TYPE),
        "layers": [descriptor(each, kind) for each in layers],
        **more,
    }
    return Image(json.dumps(document).encode(), OCI_MANIFEST, [EMPTY, *layers])


class TestCrane:
    """go-containerregistry: HEAD, mount, a streamed PATCH, and a PUT without a body."""

    def push(self, client, name, content, source):
        """Upload a blob as crane does; return what happened on the way."""
        digest = Digest.of(content)
        if client.request("HEAD", f"/v2/{name}/blobs/{digest}").status == 200:
            return ["there"]
        query = {"mount": digest, "from": source}
        got = client.request("POST", f"/v2/{name}/blobs/uploads/", query=query, body=b"")
        if got.status == 201:
            return ["mounted"]
        assert got.status == 202
        # crane resolves Location against the request's own address, so a relative one will do.
        location = urljoin(f"{client.url}/v2/{name}/blobs/uploads/", got.headers["Location"])
        got = client.request("PATCH", location, body=iter([content[:100], content[100:]]))
        assert got.status in {201, 202, 204}
        location = urljoin(location, got.headers["Location"])
        separator = "&" if urlsplit(location).query else "?"
        got = client.request("PUT", f"{location}{separator}digest={digest}", body=b"")
        assert got.status in {201, 202, 204}
        return ["uploaded"]

    @pytest.fixture(params=[False, True], ids=["absolute", "relative"])
    def registry(self, request, serve_http):
        return Client(serve_http(relativeurls=request.param).url)

    def test_push_and_copy(self, registry, name):
        """A push uploads, a second finds all there, and a copy mounts."""
        made = image(noise(5000), noise(300))
        source, target = f"{name}/a", f"{name}/b"
        assert registry.request("GET", "/v2/").status == 200
        runs = [
            [self.push(registry, repository, blob, source) for blob in made.blobs]
            for repository in (source, source, target)
        ]
        steps = [{step for (step,) in run} for run in runs]
        assert steps == [{"uploaded"}, {"there"}, {"mounted"}]
        for repository in (source, target):
            assert registry.request("HEAD", f"/v2/{repository}/manifests/v1").status == 404
            assert registry.push_manifest(repository, "v1", made).status == 201
            got = registry.request("GET", f"/v2/{repository}/manifests/v1")
            assert (got.data, Digest.of(got.data)) == (made.manifest, made.digest)


class TestOras:
    """ORAS and helm: POST, one PUT with the whole; referrers by the API, else by a tag."""

    def push_blob(self, client, name, content):
        digest = Digest.of(content)
        if client.request("HEAD", f"/v2/{name}/blobs/{digest}").status == 200:
            return
        got = client.request("POST", f"/v2/{name}/blobs/uploads/", body=b"", Content_Length="0")
        assert got.status == 202
        got = client.request(
            "PUT",
            got.headers["Location"],
            query={"digest": digest},
            body=content,
            Content_Type="application/octet-stream",
        )
        assert got.status == 201

    def test_push_of_a_chart(self, client, name):
        """helm push, then helm pull by tag with its own Accept."""
        kind = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
        config = json.dumps({"name": "chart", "version": "1.0.0+build"}).encode()
        chart = noise(4000)
        document = {
            "schemaVersion": 2,
            "config": descriptor(config, "application/vnd.cncf.helm.config.v1+json"),
            "layers": [descriptor(chart, kind)],
            "annotations": {"org.opencontainers.image.title": "chart"},
        }
        made = Image(json.dumps(document).encode(), OCI_MANIFEST, [chart, config])
        for content in made.blobs:
            self.push_blob(client, name, content)
        tag = "1.0.0_build"  # helm's spelling of a version with a plus
        got = client.push_manifest(name, tag, made)
        assert (got.status, got.headers["Docker-Content-Digest"]) == (201, str(made.digest))
        accept = f"{DOCKER_MANIFEST}, {DOCKER_LIST}, {OCI_MANIFEST}, {OCI_INDEX}"
        got = client.request("HEAD", f"/v2/{name}/manifests/{tag}", Accept=accept)
        assert got.headers["Content-Type"] == OCI_MANIFEST
        assert int(got.headers["Content-Length"]) == len(made.manifest)
        got = client.request("GET", f"/v2/{name}/manifests/{made.digest}", Accept=accept)
        assert got.data == made.manifest
        layer = json.loads(got.data)["layers"][0]
        assert client.request("GET", f"/v2/{name}/blobs/{layer['digest']}").data == chart
        tags = json.loads(client.request("GET", f"/v2/{name}/tags/list?n=100").data)["tags"]
        assert tags == [tag]

    def test_attach(self, client, name):
        """``OCI-Subject`` in the answer tells oras that it need not keep a fall-back tag."""
        subject = image()
        client.push(name, "v1", subject)
        made = artifact(b"sbom", kind="application/spdx+json", subject=subject.descriptor())
        for content in made.blobs:
            self.push_blob(client, name, content)
        got = client.push_manifest(name, made.digest, made)
        assert (got.status, got.headers["OCI-Subject"]) == (201, str(subject.digest))
        zero = "sha256:" + "0" * 64  # how oras asks whether the API is there at all
        got = client.request("GET", f"/v2/{name}/referrers/{zero}", Accept=OCI_INDEX)
        assert (got.status, got.headers["Content-Type"]) == (200, OCI_INDEX)
        found = json.loads(client.request("GET", f"/v2/{name}/referrers/{subject.digest}").data)
        assert [each["digest"] for each in found["manifests"]] == [str(made.digest)]

    def test_attach_by_the_fall_back_tag(self, client, name):
        """What an older client left in the fall-back tag is listed by the API as well."""
        subject = image()
        client.push(name, "v1", subject)
        made = artifact(b"old", kind="application/vnd.old", subject=subject.descriptor())
        made_without = artifact(b"older", kind="application/vnd.older")
        for each in (made, made_without):
            for content in each.blobs:
                self.push_blob(client, name, content)
            client.push_manifest(name, each.digest, each)
        listing = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                each.descriptor(artifactType=json.loads(each.manifest)["artifactType"])
                for each in (made, made_without)
            ],
        }
        tag = str(subject.digest).replace(":", "-")
        assert client.request("GET", f"/v2/{name}/manifests/{tag}").status == 404
        got = client.push_manifest(name, tag, Image(json.dumps(listing).encode(), OCI_INDEX))
        assert got.status == 201
        found = json.loads(client.request("GET", f"/v2/{name}/referrers/{subject.digest}").data)
        assert {each["digest"] for each in found["manifests"]} >= {str(made.digest)}
        digests = [each["digest"] for each in found["manifests"]]
        assert len(digests) == len(set(digests))


class TestCosign:
    """cosign: signatures under tags of the digest, or as referrers."""

    def test_sign_by_tag(self, client, name):
        """The tag is asked for, written, and added to; it is no fall-back tag of referrers."""
        subject = image()
        client.push(name, "v1", subject)
        got = client.request("GET", f"/v2/{name}/manifests/v1")
        tag = got.headers["Docker-Content-Digest"].replace(":", "-") + ".sig"
        assert client.request("GET", f"/v2/{name}/manifests/{tag}").status == 404
        kind = "application/vnd.dev.cosign.simplesigning.v1+json"
        layers = []
        for payload in (b'{"critical": 1}', b'{"critical": 2}'):
            client.push_blob(name, payload)
            layers.append(
                descriptor(
                    payload, kind, annotations={"dev.cosignproject.cosign/signature": "MEU="}
                )
            )
            made = image(noise(1), layers=layers)
            client.push_blob(name, made.blobs[0])
            assert client.push_manifest(name, tag, made).status == 201
            back = client.request("GET", f"/v2/{name}/manifests/{tag}")
            assert json.loads(back.data)["layers"] == layers
        found = json.loads(client.request("GET", f"/v2/{name}/referrers/{subject.digest}").data)
        assert found["manifests"] == []

    def test_sign_by_referrer(self, client, name):
        """A bundle refers to its subject, and is found by its type."""
        subject = image()
        client.push(name, "v1", subject)
        kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
        made = artifact(b'{"bundle": 1}', kind=kind, subject=subject.descriptor())
        client.push(name, str(made.digest), made)
        got = client.request(
            "GET", f"/v2/{name}/referrers/{subject.digest}", query={"artifactType": kind}
        )
        assert got.headers["OCI-Filters-Applied"] == "artifactType"
        (found,) = json.loads(got.data)["manifests"]
        bundle = client.request("GET", f"/v2/{name}/manifests/{found['digest']}")
        layer = json.loads(bundle.data)["layers"][0]["digest"]
        assert client.request("GET", f"/v2/{name}/blobs/{layer}").data == b'{"bundle": 1}'


class TestBuildkit:
    """buildkit: an index whose attestations run on ``unknown/unknown``; a registry cache."""

    def test_push_with_attestations(self, client, name):
        """The index is kept with its attestation, which is pulled by digest."""
        made = image()
        statement = b'{"_type": "https://in-toto.io/Statement/v0.1"}'
        kind = "application/vnd.in-toto+json"
        attestation = image(
            statement,
            layers=[
                descriptor(statement, kind, annotations={"in-toto.io/predicate-type": "x"}),
            ],
        )
        children = [
            made.descriptor(platform={"architecture": "amd64", "os": "linux"}),
            attestation.descriptor(
                platform={"architecture": "unknown", "os": "unknown"},
                annotations={
                    "vnd.docker.reference.digest": str(made.digest),
                    "vnd.docker.reference.type": "attestation-manifest",
                },
            ),
        ]
        for each in (made, attestation):
            client.push(name, str(each.digest), each)
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
        top = Image(json.dumps(document, indent=2).encode(), OCI_INDEX)
        assert client.push_manifest(name, "latest", top).status == 201
        got = client.request("GET", f"/v2/{name}/manifests/latest")
        assert got.data == top.manifest
        for child, source in zip(
            json.loads(got.data)["manifests"], (made, attestation), strict=True
        ):
            back = client.request("GET", f"/v2/{name}/manifests/{child['digest']}")
            assert back.data == source.manifest

    def test_registry_cache_of_old(self, client, name):
        """``image-manifest=false``: an index whose children are layers, pushed as blobs."""
        blobs = [noise(500), b'{"layers": []}']
        kinds = [
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.buildkit.cacheconfig.v0",
        ]
        children = [descriptor(b, k) for b, k in zip(blobs, kinds, strict=True)]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
        made = Image(json.dumps(document).encode(), OCI_INDEX)
        assert client.push_manifest(name, "cache", made).status == 400
        for blob in blobs:
            client.push_blob(name, blob)
        assert client.push_manifest(name, "cache", made).status == 201
        assert client.request("GET", f"/v2/{name}/manifests/cache").data == made.manifest

    def test_registry_cache(self, client, name):
        """``--cache-to type=registry,image-manifest=true``: an image with a config of its own."""
        blob = noise(500)
        client.push_blob(name, blob)
        kind = "application/vnd.buildkit.cacheconfig.v0"
        config = b'{"layers": []}'
        client.push_blob(name, config)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, kind),
            "layers": [descriptor(blob, "application/vnd.oci.image.layer.v1.tar+zstd")],
        }
        made = Image(json.dumps(document).encode(), OCI_MANIFEST)
        assert client.push_manifest(name, "cache", made).status == 201
        assert client.request("GET", f"/v2/{name}/manifests/cache").data == made.manifest


class TestDocker:
    """docker 29 and containerd 2."""

    ACCEPT = (
        f"{DOCKER_MANIFEST}, {DOCKER_LIST}, {OCI_MANIFEST}, {OCI_INDEX}, "
        "application/vnd.oci.artifact.manifest.v1+json, */*"
    )

    @pytest.mark.parametrize("docker", [True, False], ids=["Docker types", "OCI types"])
    def test_pull(self, fresh, name, docker):
        """HEAD by tag, GET by digest, then parts of each layer at once."""
        client = fresh()
        made = image(noise(600_000), noise(70_000), docker=docker)
        client.push(name, str(made.digest), made)
        top = index(made, docker=docker)
        client.push(name, "latest", top)
        got = client.request("HEAD", f"/v2/{name}/manifests/latest", Accept=self.ACCEPT)
        assert got.headers["Content-Type"] == top.media_type
        assert got.headers["Docker-Content-Digest"] == str(top.digest)
        assert got.headers["Content-Length"] == str(len(top.manifest))
        got = client.request("GET", f"/v2/{name}/manifests/{top.digest}", Accept=self.ACCEPT)
        child = json.loads(got.data)["manifests"][0]["digest"]
        got = client.request("GET", f"/v2/{name}/manifests/{child}", Accept=self.ACCEPT)
        for layer in json.loads(got.data)["layers"]:
            assert self.fetch_in_parts(fresh, name, layer) in made.blobs

    def fetch_in_parts(self, fresh, name, layer) -> bytes:
        """Fetch a blob as containerd does with ``concurrent_layer_fetch_buffer``."""
        path = f"/v2/{name}/blobs/{layer['digest']}"
        starts = range(0, layer["size"], 100_000)

        def part(start: int) -> bytes:
            end = min(start + 100_000, layer["size"]) - 1
            got = fresh().request("GET", path, Range=f"bytes={start}-{end}")
            assert (got.status, len(got.data)) == (206, end + 1 - start)
            return got.data

        with ThreadPoolExecutor(8) as pool:
            return b"".join(pool.map(part, starts))

    def test_resumed_pull(self, client, name):
        """containerd asks for the rest of a layer with an open range."""
        content = noise(10_000)
        path = f"/v2/{name}/blobs/{client.push_blob(name, content)}"
        for start in (0, 1, 9_999):
            got = client.request("GET", path, Range=f"bytes={start}-")
            assert (got.status, got.data) == (206, content[start:])
            assert got.headers["Content-Range"] == f"bytes {start}-9999/10000"

    def test_push(self, server, client, name):
        """HEAD, POST mount with a source that has not the blob, PUT with Expect: 100-continue."""
        content = noise(30_000)
        digest = Digest.of(content)
        assert client.request("HEAD", f"/v2/{name}/blobs/{digest}").status == 404
        query = {"mount": digest, "from": f"{name}/elsewhere"}
        got = client.request("POST", f"/v2/{name}/blobs/uploads/", query=query)
        assert got.status == 202
        assert got.headers["Docker-Upload-UUID"] in got.headers["Location"]
        url = urlsplit(got.headers["Location"])
        head = raw.head(
            "PUT",
            f"{url.path}?{url.query}&digest={digest}",
            "Content-Type: application/octet-stream",
            f"Content-Length: {len(content)}",
            "Expect: 100-continue",
        )
        with raw.connection(server.port) as opened:
            opened.sendall(head)
            told = opened.recv(100, socket.MSG_PEEK)
            assert told.startswith(b"HTTP/1.1 100 ")
            opened.recv(told.index(b"\r\n\r\n") + 4)
            opened.sendall(content)
            assert raw.receive(opened, "PUT").status == 201
        got = client.request("HEAD", f"/v2/{name}/blobs/{digest}")
        assert got.headers["Content-Length"] == str(len(content))

    def test_push_by_stream(self, client, name):
        """dockerd: POST, one PATCH of the whole, PUT with the digest; then the manifest by tag."""
        made = image(noise(9000), docker=True)
        for content in made.blobs:
            digest = Digest.of(content)
            assert client.request("HEAD", f"/v2/{name}/blobs/{digest}").status == 404
            location = client.start(name)
            got = client.request("PATCH", location, body=iter([content]))
            assert (got.status, got.headers["Range"]) == (202, f"0-{len(content) - 1}")
            got = client.request("PUT", got.headers["Location"], query={"digest": digest})
            assert got.status == 201
            assert client.request("HEAD", f"/v2/{name}/blobs/{digest}").status == 200
        got = client.push_manifest(name, "v1", made)
        assert (got.status, got.headers["Docker-Content-Digest"]) == (201, str(made.digest))

    def test_mirror(self, client, name):
        """Behind a mirror's configuration every request names the upstream by ``ns``."""
        made = image()
        client.push(name, "v1", made)
        got = client.request("HEAD", f"/v2/{name}/manifests/v1?ns=docker.io", Accept=self.ACCEPT)
        assert got.status == 200
        blob = Digest.of(made.blobs[1])
        got = client.request("GET", f"/v2/{name}/blobs/{blob}?ns=docker.io")
        assert got.data == made.blobs[1]


class TestLazyPulls:
    """zstd:chunked (podman 5) and eStargz (stargz-snapshotter): a footer, a table, then files."""

    def test_of_zstd_chunked(self, client, name):
        """The table by its place, then scattered chunks in one request of many ranges."""
        content = noise(400_000)
        size = len(content)
        path = f"/v2/{name}/blobs/{client.push_blob(name, content)}"
        got = client.request("GET", path, Range=f"bytes={size - 50_000}-{size - 1}")
        assert (got.status, got.data) == (206, content[-50_000:])
        spans = [(n * 5000, n * 5000 + 1999) for n in range(60)]
        header = "bytes=" + ",".join(f"{first}-{last}" for first, last in spans)
        got = client.request("GET", path, Range=header)
        assert got.status == 206
        assert got.headers["Content-Type"].startswith("multipart/byteranges")
        found = read_parts(got.headers["Content-Type"], got.data)
        assert found == expected_parts(content, *spans)

    def test_of_zstd_chunked_with_too_many_chunks(self, client, name):
        """Beyond 64 parts podman is sent the whole, and copes."""
        content = noise(400_000)
        path = f"/v2/{name}/blobs/{client.push_blob(name, content)}"
        header = "bytes=" + ",".join(f"{n * 5000}-{n * 5000 + 9}" for n in range(70))
        got = client.request("GET", path, Range=header)
        assert (got.status, got.data) == (200, content)

    @pytest.mark.parametrize("footer", [47, 51])
    def test_of_estargz(self, client, name, footer):
        """The footer by a suffix, one byte to see whether ranges work, then the files."""
        content = noise(100_000)
        path = f"/v2/{name}/blobs/{client.push_blob(name, content)}"
        got = client.request("GET", path, Range="bytes=0-1", Accept_Encoding="identity")
        assert (got.status, got.headers["Content-Range"]) == (206, "bytes 0-1/100000")
        got = client.request("GET", path, Range=f"bytes=-{footer}")
        assert (got.status, got.data) == (206, content[-footer:])
        got = client.request("GET", path, Range="bytes=0-49,1000-1999,1500-2999")
        found = read_parts(got.headers["Content-Type"], got.data)
        assert found == expected_parts(content, (0, 49), (1000, 2999))
