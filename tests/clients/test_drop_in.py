"""Docker Distribution's place taken, and given back: one tree, served by either or by both.

The peer is Debian's docker-registry 2.8. What it does is the measure, save where it is known to be
wrong (its tags are not sorted, a tag cannot be deleted).
"""

import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import pytest
import urllib3

from distribution import Digest
from tests.support.client import Client
from tests.support.contents import catalog, contents, everything, tags
from tests.support.images import Image, image, index, layer, noise, write_dir
from tests.support.peers import Daemon, DockerRegistry, run
from tests.support.server import Server
from tests.support.tools import free_port, require

SECRET = "the same on both"

#: Repositories in the order in which a walk meets them: by component, not by character.
NAMES = ["a", "a/b", "a/b/c.d-e__f", "a-b", "a0", "nested/only/deep"]

TAGS = ["latest", "1.0.0-rc.1", "_x", "V2--2", "v1_2.3"]


class Pair:
    """Ours and theirs on one tree; each runs from its first use until it is stopped."""

    def __init__(self, folder):
        require("docker-registry", "skopeo")
        self.folder = folder
        environ = {"REGISTRY_HTTP_SECRET": SECRET}
        self.servers = {
            "ours": Server(folder / "ours", environ=environ),
            "theirs": DockerRegistry(folder / "theirs", folder / "ours" / "root", SECRET),
        }
        self.clients = {}
        self.starting = Lock()

    @property
    def repositories(self):
        return self.servers["ours"].root / "docker" / "registry" / "v2" / "repositories"

    @property
    def blobs(self):
        return self.servers["ours"].root / "docker" / "registry" / "v2" / "blobs"

    @property
    def ours(self) -> Client:
        return self["ours"]

    @property
    def theirs(self) -> Client:
        return self["theirs"]

    def __getitem__(self, side) -> Client:
        with self.starting:
            if side not in self.clients:
                self.servers[side].start()
                self.clients[side] = Client(self.servers[side].url)
            return self.clients[side]

    def stop(self, *sides):
        for side in sides or list(self.clients):
            if self.clients.pop(side, None) is not None:
                self.servers[side].stop()

    def collect_garbage(self):
        self.stop()
        return self.servers["theirs"].collect_garbage()

    def kill_theirs(self):
        """End their server as a crash would."""
        self.servers["theirs"].daemon.process.kill()
        self.servers["theirs"].daemon.process.wait(30)
        del self.clients["theirs"]

    def push(self, side, folder, reference):
        """Push with skopeo, as it is."""
        address = urlsplit(self[side].url).netloc
        how = ["--insecure-policy", "copy", "--all", "--preserve-digests"]
        there = ["--dest-tls-verify=false", f"docker://{address}/{reference}"]
        run("skopeo", *how, f"dir:{folder}", *there, folder=self.folder)

    def blob_path(self, digest):
        return self.blobs / digest.algorithm / digest.hex[:2] / digest.hex / "data"

    def layer_link(self, name, digest):
        return self.repositories / name / "_layers" / digest.algorithm / digest.hex / "link"

    def revision_link(self, name, digest):
        folder = self.repositories / name / "_manifests" / "revisions"
        return folder / digest.algorithm / digest.hex / "link"

    def tag_link(self, name, tag):
        return self.repositories / name / "_manifests" / "tags" / tag / "current" / "link"


@pytest.fixture
def pair(tmp_path):
    """A tree of the test's own."""
    pair = Pair(tmp_path)
    yield pair
    pair.stop()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A tree that both serve at once, shared: use a repository of your own."""
    pair = Pair(tmp_path_factory.mktemp("both"))
    yield pair
    pair.stop()


@pytest.fixture(scope="module")
def filled(tmp_path_factory, request):
    """A tree that skopeo filled through one side, which is the parameter."""
    pair = Pair(tmp_path_factory.mktemp(request.param))
    fill(pair, request.param)
    yield pair
    pair.stop()


def fill(pair, side):
    """Push images of every kind to many repositories under many tags."""
    platforms = [image(layer({"a": noise(1000)}), docker=False) for _ in range(3)]
    docker_platforms = [image(layer({"a": noise(1000)}), docker=True) for _ in range(2)]
    pushed = [
        write_dir(
            pair.folder / side / "oci", image(layer({"a": noise(90_000)}), layer({"b": b""}))
        ),
        write_dir(pair.folder / side / "docker", image(layer({"a": noise(9000)}), docker=True)),
        write_dir(pair.folder / side / "index", index(*platforms), platforms),
        write_dir(
            pair.folder / side / "list", index(*docker_platforms, docker=True), docker_platforms
        ),
    ]
    for number, name in enumerate(NAMES):
        for tag, folder in zip(TAGS, [*pushed, pushed[number % 4]], strict=True):
            pair.push(side, folder, f"{name}:{tag}")


both_ways = pytest.mark.parametrize("filled", ["theirs", "ours"], indirect=True)
each_first = pytest.mark.parametrize(
    ("first", "second"), [("ours", "theirs"), ("theirs", "ours")], ids=["ours", "theirs"]
)


# One tree, filled by one side and served by the other.


@both_ways
def test_catalog_is_the_same(filled):
    """Both list the same repositories in the same order, page by page."""
    assert (catalog(filled.ours), catalog(filled.theirs)) == (NAMES, NAMES)


@both_ways
@pytest.mark.parametrize("name", NAMES)
def test_tags_are_the_same(filled, name):
    """Both list the same tags."""
    assert (tags(filled.ours, name), tags(filled.theirs, name)) == (sorted(TAGS), sorted(TAGS))


@both_ways
@pytest.mark.parametrize("name", NAMES)
def test_contents_are_the_same(filled, name):
    """Both serve the same manifests and blobs under the same digests, media types and tags."""
    ours, theirs = contents(filled.ours, name), contents(filled.theirs, name)
    assert len(ours.manifests) == 9
    assert ours == theirs


# A tree of ours under their garbage collector.


def test_our_tree_survives_their_collector(pair):
    """With referrers, upload sessions and all our own files in it, both serve it as before."""
    fill(pair, "ours")
    subject = image()
    pair.ours.push("a/b", "subject", subject)
    descriptor = subject.descriptor()
    for kind in ("sbom", "signature"):
        referrer = image(artifactType=f"example/{kind}", subject=descriptor)
        pair.ours.push("a/b", str(referrer.digest), referrer)
    pair.ours.request("PATCH", pair.ours.start("a/b"), body=noise(1000))
    orphan = pair.ours.push_blob("a/b", noise(100))
    before = everything(pair.ours)
    listed = pair.ours.request("GET", f"/v2/a/b/referrers/{subject.digest}").data
    assert len(json.loads(listed)["manifests"]) == 2
    sidecar = pair.blob_path(orphan).with_name("repositories")
    state = pair.servers["ours"].root / ".distribution"
    assert (sidecar.exists(), state.exists()) == (True, True)
    assert (pair.repositories / "a" / "b" / "_referrers").exists()

    report = pair.collect_garbage()

    assert f"blob eligible for deletion: {orphan}" in report
    assert not sidecar.exists()
    assert everything(pair.theirs) == before
    assert everything(pair.ours) == before
    assert pair.ours.request("GET", f"/v2/a/b/referrers/{subject.digest}").data == listed


def test_what_their_collector_took_is_not_found(pair):
    """A blob that their collector took is 404, though its link is left, and can be pushed again."""
    kept, content = image(), noise(100)
    pair.ours.push("a", "kept", kept)
    orphan = pair.ours.push_blob("a", content)
    pair.collect_garbage()
    assert pair.layer_link("a", orphan).exists()
    assert pair.ours.request("GET", f"/v2/a/blobs/{orphan}").status == 404
    assert pair.ours.request("HEAD", f"/v2/a/blobs/{orphan}").status == 404
    wanting = image(content)
    assert pair.ours.push_blob("a", wanting.blobs[0])
    assert pair.ours.push_manifest("a", "wanting", wanting).status == 400
    pair.ours.push_blob("a", content)
    assert pair.theirs.request("GET", f"/v2/a/blobs/{orphan}").data == content


# Pushes by both onto one tree.


def test_pushes_take_turns(pair):
    """One side at a time adds to what the other left; in the end both serve all of it."""
    pushed = {}
    for turn, side in enumerate(["ours", "theirs", "ours", "theirs"]):
        fresh = image(layer({"turn": noise(1000)}), docker=turn > 1)
        pair[side].push("shared", f"turn{turn}", fresh)
        pair[side].push("shared", "latest", fresh)
        pushed |= {f"turn{turn}": str(fresh.digest), "latest": str(fresh.digest)}
        pair.stop(side)
    assert contents(pair.ours, "shared").tags == pushed
    assert everything(pair.theirs) == everything(pair.ours)


def test_pushes_at_once(both, name):
    """Both push to the same repositories at the same time; both serve all of it."""
    pushes = [
        (side, f"{name}/{number % 3}", f"{side}-{number}", image(docker=number % 2 == 0))
        for number in range(24)
        for side in ("ours", "theirs")
    ]
    in_pool(lambda push: both[push[0]].push(*push[1:]), pushes)
    wanted: dict[str, dict[str, str]] = {}
    for _, where, tag, pushed in pushes:
        wanted.setdefault(where, {})[tag] = str(pushed.digest)
    for where, tagged in wanted.items():
        served = contents(both.ours, where)
        assert served.tags == tagged
        assert contents(both.theirs, where) == served


def test_same_content_through_both_at_once(both, name):
    """The same image pushed by both at the same time, to one and to many repositories, is whole."""
    same = image(layer({"a": noise(500_000)}))
    pushes = [
        (side, where)
        for number in range(6)
        for side in ("ours", "theirs")
        for where in (name, f"{name}/{side}{number}")
    ]
    in_pool(lambda push: both[push[0]].push(push[1], "same", same), pushes)
    for where in {where for _, where in pushes}:
        served = contents(both.ours, where)
        assert served.tags == {"same": str(same.digest)}
        assert contents(both.theirs, where) == served


@each_first
def test_content_of_the_other_is_not_sent_again(first, second, both, name):
    """skopeo finds the layer that the other side took, and sends it no second time."""
    source = image(layer({"a": noise(10_000)}))
    blob = Digest.of(source.blobs[1])
    pushed = write_dir(both.folder / name, source)
    both.push(first, pushed, f"{name}:1")
    # A file that is written anew is another file.
    before = both.blob_path(blob).stat().st_ino
    both.push(second, pushed, f"{name}:2")
    assert both.blob_path(blob).stat().st_ino == before
    assert contents(both[first], name) == contents(both[second], name)


@each_first
def test_mount_of_what_the_other_took(first, second, both, name):
    """A blob that one side took is mounted by the other, and served from there by both."""
    content = noise(1000)
    digest = both[first].push_blob(name, content)
    query = {"mount": str(digest), "from": name}
    mounted = both[second].request("POST", f"/v2/{name}/target/blobs/uploads/", query=query)
    assert mounted.status == 201
    for side in (first, second):
        assert both[side].request("GET", f"/v2/{name}/target/blobs/{digest}").data == content


def test_anonymous_mount_of_what_they_took(both, name):
    """A blob of which no holder is noted is not mounted, but uploaded."""
    digest = both.theirs.push_blob(name, noise(1000))
    query = {"mount": str(digest)}
    assert both.ours.request("POST", f"/v2/{name}/target/blobs/uploads/", query=query).status == 202


@each_first
def test_moved_tag_is_seen_by_the_other(first, second, both, name):
    """A tag that one side set and the other moved points at the new manifest for both."""
    old, new = image(), image()
    both[first].push(name, "1", old)
    assert contents(both[second], name).tags == {"1": str(old.digest)}
    both[second].push(name, "1", new)
    for side in (first, second):
        assert contents(both[side], name).tags == {"1": str(new.digest)}


@each_first
def test_deleted_manifest_is_gone_for_the_other(first, second, both, name):
    """A manifest that one side pushed and the other deleted is gone for both, with its tags."""
    kept, gone = image(), image()
    both[first].push(name, "kept", kept)
    for tag in ("1", "2"):
        both[first].push(name, tag, gone)
    path = f"/v2/{name}/manifests/{gone.digest}"
    assert both[second].request("DELETE", path).status == 202
    for side in (first, second):
        assert both[side].request("GET", path).status == 404
        assert tags(both[side], name) == ["kept"]


@each_first
def test_deleted_blob_is_gone_for_the_other(first, second, both, name):
    """A blob that one side took and the other deleted is gone for both."""
    digest = both[first].push_blob(name, noise(1000))
    path = f"/v2/{name}/blobs/{digest}"
    assert both[second].request("DELETE", path).status == 202
    assert [both[side].request("GET", path).status for side in (first, second)] == [404, 404]


def test_deleted_tag_is_gone_for_them(both, name):
    """A tag that we delete is gone for them; they have the manifest still."""
    pushed = image()
    both.theirs.push(name, "1", pushed)
    both.theirs.push(name, "2", pushed)
    assert both.ours.request("DELETE", f"/v2/{name}/manifests/1").status == 202
    assert tags(both.theirs, name) == ["2"]
    assert contents(both.theirs, name) == contents(both.ours, name)


# Upload sessions that change sides.


def elsewhere(address, client):
    """Return the same upload's address on another server."""
    parts = urlsplit(address)
    return f"{client.url}{parts.path}?{parts.query}"


@each_first
@pytest.mark.parametrize("last", [0, 1, 70_001], ids=["nothing", "a byte", "a chunk"])
def test_upload_is_finished_by_the_other(first, second, last, both, name):
    """A session that one side began, by its `_state` token alone, is finished by the other."""
    content = noise(100_001 + last)
    begun = both[first].request("PATCH", both[first].start(name), body=content[:100_001])
    assert begun.status == 202
    finished = both[second].request(
        "PUT",
        elsewhere(begun.headers["Location"], both[second]),
        query={"digest": str(Digest.of(content))},
        body=content[100_001:],
    )
    assert finished.status == 201, finished.data
    for side in (first, second):
        blob = both[side].request("GET", f"/v2/{name}/blobs/{Digest.of(content)}")
        assert blob.data == content


@each_first
def test_upload_is_begun_empty_and_finished_by_the_other(first, second, both, name):
    """A session of which nothing but its beginning is stored is finished by the other."""
    content = noise(1000)
    finished = both[second].request(
        "PUT",
        elsewhere(both[first].start(name), both[second]),
        query={"digest": str(Digest.of(content))},
        body=content,
    )
    assert finished.status == 201, finished.data
    assert both[first].request("GET", f"/v2/{name}/blobs/{Digest.of(content)}").data == content


@each_first
def test_upload_goes_to_and_fro(first, second, both, name):
    """Chunks of odd sizes, sent to each side in turn, make one blob."""
    chunks = [noise(size) for size in (1, 63, 64, 65, 100_003, 7)]
    address = both[first].start(name)
    for number, chunk in enumerate(chunks):
        client = both[(second, first)[number % 2]]
        response = client.request("PATCH", elsewhere(address, client), body=chunk)
        assert response.status == 202, (number, response.data)
        address = response.headers["Location"]
    content = b"".join(chunks)
    digest = Digest.of(content)
    finished = both[second].request(
        "PUT", elsewhere(address, both[second]), query={"digest": str(digest)}
    )
    assert finished.status == 201, finished.data
    assert both[first].request("GET", f"/v2/{name}/blobs/{digest}").data == content


@each_first
def test_wrong_digest_of_the_others_upload(first, second, both, name):
    """The bytes that the other side took count: a wrong digest is refused, nothing published."""
    content = noise(1000)
    begun = both[first].request("PATCH", both[first].start(name), body=content[:500])
    wrong = Digest.of(content[500:])
    finished = both[second].request(
        "PUT",
        elsewhere(begun.headers["Location"], both[second]),
        query={"digest": str(wrong)},
        body=content[500:],
    )
    assert finished.status == 400
    for side in (first, second):
        assert both[side].request("GET", f"/v2/{name}/blobs/{wrong}").status == 404


@pytest.mark.parametrize("size", [1, 55, 64, 100, 1 << 20])
def test_hash_state_is_theirs_byte_for_byte(size, both, name):
    """After the same bytes both keep the same hash state in the same file."""
    content = noise(size)
    kept = {}
    for side in ("ours", "theirs"):
        address = both[side].start(f"{name}/{side}")
        assert both[side].request("PATCH", address, body=content).status == 202
        (folder,) = (both.repositories / name / side / "_uploads").iterdir()
        kept[side] = (folder / "hashstates" / "sha256" / str(size)).read_bytes()
    assert kept["ours"] == kept["theirs"]


def test_cancelled_upload_is_gone_for_the_other(both, name):
    """A session that they began and we cancel leaves nothing behind."""
    begun = both.theirs.request("PATCH", both.theirs.start(name), body=noise(1000))
    address = elsewhere(begun.headers["Location"], both.ours)
    assert both.ours.request("DELETE", address).status == 204
    assert list((both.repositories / name / "_uploads").iterdir()) == []


# What their crashes leave behind.


def test_upload_that_their_crash_cut_is_resumed(pair):
    """Killed in the middle of a PATCH, their session goes on here from where its data ends."""
    content = noise(300_000)
    address = pair.theirs.start("shared")
    begun = pair.theirs.request("PATCH", address, body=content[:100_000])
    (session,) = (pair.repositories / "shared" / "_uploads").iterdir()
    target = urlsplit(begun.headers["Location"])
    with socket.create_connection(("127.0.0.1", target.port)) as cut:
        head = f"PATCH {target.path}?{target.query} HTTP/1.1\r\nHost: localhost\r\n"
        cut.sendall(f"{head}Content-Length: 200000\r\n\r\n".encode() + content[100_000:200_000])
        until(lambda: (session / "data").stat().st_size > 100_000)
        pair.kill_theirs()
    path = urlsplit(address).path
    status = pair.ours.request("GET", path)
    assert status.status == 204
    offset = int(status.headers["Range"].removeprefix("0-")) + 1
    assert 100_000 <= offset <= 200_000
    finished = pair.ours.request(
        "PUT", path, query={"digest": str(Digest.of(content))}, body=content[offset:]
    )
    assert finished.status == 201, finished.data
    assert pair.ours.request("GET", finished.headers["Location"]).data == content


@dataclass
class Crashed:
    """A repository in which they pushed one image, to be damaged, and one to be left alone."""

    pair: Pair
    name: str
    image: Image

    @property
    def layer(self) -> Digest:
        return Digest.of(self.image.blobs[1])

    @property
    def layer_link(self) -> Path:
        return self.pair.layer_link(self.name, self.layer)

    @property
    def layer_data(self) -> Path:
        return self.pair.blob_path(self.layer)

    @property
    def tag_link(self) -> Path:
        return self.pair.tag_link(self.name, "1")

    @property
    def revision_link(self) -> Path:
        return self.pair.revision_link(self.name, self.image.digest)

    @property
    def manifest_data(self) -> Path:
        return self.pair.blob_path(self.image.digest)

    def damage(self, part: str, content: bytes | None) -> None:
        """Leave a part of the image with what a crash left of it, or nothing."""
        path = getattr(self, part)
        assert path.exists()
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)


@pytest.fixture
def crashed(both, name):
    damaged = image(layer({"a": noise(1000)}))
    both.theirs.push(name, "1", damaged)
    both.theirs.push(name, "sound", image())
    return Crashed(both, name, damaged)


#: What is left of a part of an image, and which ways to it are lost.
DAMAGES = {
    "empty layer link": ("layer_link", b"", {"blob"}),
    "torn layer link": ("layer_link", b"sha256:0123", {"blob"}),
    "layer link gone": ("layer_link", None, {"blob"}),
    "empty blob": ("layer_data", b"", {"blob"}),
    "blob gone": ("layer_data", None, {"blob"}),
    "empty tag link": ("tag_link", b"", {"tag"}),
    "zeroed tag link": ("tag_link", bytes(71), {"tag"}),
    "tag link gone": ("tag_link", None, {"tag"}),
    "empty revision link": ("revision_link", b"", {"tag", "digest"}),
    "revision gone": ("revision_link", None, {"tag", "digest"}),
    "empty manifest": ("manifest_data", b"", {"tag", "digest"}),
    "torn manifest": ("manifest_data", b'{"schema', {"tag", "digest"}),
    "manifest gone": ("manifest_data", None, {"tag", "digest"}),
}

damages = pytest.mark.parametrize(("part", "content", "lost"), DAMAGES.values(), ids=DAMAGES)


@damages
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_a_crash_damaged_is_not_found(method, part, content, lost, crashed):
    """What cannot be served right is 404, and all else is served as ever."""
    crashed.damage(part, content)
    ways = {
        "tag": ("manifests/1", crashed.image.manifest),
        "digest": (f"manifests/{crashed.image.digest}", crashed.image.manifest),
        "blob": (f"blobs/{crashed.layer}", crashed.image.blobs[1]),
    }
    for way, (path, right) in ways.items():
        got = crashed.pair.ours.request(method, f"/v2/{crashed.name}/{path}")
        assert got.status == (404 if way in lost else 200), way
        if way not in lost:
            assert int(got.headers["Content-Length"]) == len(right)
            assert method == "HEAD" or got.data == right


@damages
def test_damage_spares_the_rest(part, content, lost, crashed):
    """The repository stays in the catalog, its other image whole."""
    crashed.damage(part, content)
    client = crashed.pair.ours
    assert crashed.name in catalog(client)
    assert "sound" in tags(client, crashed.name)
    assert client.request("GET", f"/v2/{crashed.name}/manifests/sound").status == 200


@damages
def test_push_heals_what_a_crash_damaged(part, content, lost, crashed):
    """Pushed again by skopeo, which asks what is there first, the image is whole for both."""
    crashed.damage(part, content)
    folder = write_dir(crashed.pair.folder / crashed.name, crashed.image)
    crashed.pair.push("ours", folder, f"{crashed.name}:1")
    healed = contents(crashed.pair.ours, crashed.name)
    assert healed.tags["1"] == str(crashed.image.digest)
    assert contents(crashed.pair.theirs, crashed.name) == healed


@damages
def test_damaged_tree_takes_pushes(part, content, lost, crashed):
    """A manifest that refers to what is damaged is taken or refused, but never fails."""
    crashed.damage(part, content)
    client = crashed.pair.ours
    again = client.push_manifest(crashed.name, "again", crashed.image)
    assert again.status == (400 if "blob" in lost else 201)


@pytest.mark.parametrize("part", ["tag_link", "revision_link"])
def test_tag_that_points_nowhere_is_not_listed(part, crashed):
    """A tag without a digest, or of a manifest that is gone, is left out of the list."""
    crashed.damage(part, None)
    assert tags(crashed.pair.ours, crashed.name) == ["sound"]


def test_revision_that_they_removed_is_not_listed(crashed):
    """A tag that was listed before they unlinked its manifest is listed no more.

    Their delete removes the link alone and leaves its folder; killed there, it leaves the tags too.
    """
    client, revisions = crashed.pair.ours, crashed.revision_link.parents[1]
    hour_ago = time.time() - 3600
    for folder in (revisions, revisions.parent):
        os.utime(folder, (hour_ago, hour_ago))
    assert {tuple(tags(client, crashed.name)) for _ in range(10)} == {("1", "sound")}
    crashed.damage("revision_link", None)
    assert {tuple(tags(client, crashed.name)) for _ in range(10)} == {("sound",)}


def test_their_delete_leaves_the_folder(crashed):
    """What the test above takes for granted of them."""
    path = f"/v2/{crashed.name}/manifests/{crashed.image.digest}"
    assert crashed.pair.theirs.request("DELETE", path).status == 202
    assert not crashed.revision_link.exists()
    assert crashed.revision_link.parent.is_dir()


def test_repository_of_unfinished_uploads_is_not_listed(both, name):
    """A repository that holds nothing but an unfinished upload is not in the catalog."""
    begun = both.theirs.request("PATCH", both.theirs.start(name), body=noise(1000))
    assert begun.status == 202
    assert name not in catalog(both.ours)
    assert both.ours.request("GET", f"/v2/{name}/tags/list").status == 404


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize(
    "place",
    [
        "",
        "/_stray",
        "/_manifests/stray",
        "/_manifests/tags/stray",
        "/_manifests/tags/1/stray",
        "/_manifests/tags/1/index/stray",
        "/_manifests/revisions/stray",
        "/_manifests/revisions/sha256/stray",
        "/_layers/stray",
        "/_uploads/stray",
        "/_referrers/stray",
    ],
)
def test_stray_entries_are_passed_over(place, kind, crashed):
    """A file or folder that nobody knows of changes nothing of what is served."""
    stray = crashed.pair.repositories / (crashed.name + (place or "-stray"))
    stray.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        stray.write_bytes(b"stray")
    else:
        stray.mkdir()
    client = crashed.pair.ours
    assert [each for each in catalog(client) if each.startswith(crashed.name)] == [crashed.name]
    assert tags(client, crashed.name) == ["1", "sound"]
    assert contents(client, crashed.name).tags["1"] == str(crashed.image.digest)
    referrers = client.request("GET", f"/v2/{crashed.name}/referrers/{crashed.image.digest}")
    assert json.loads(referrers.data)["manifests"] == []


# Their configuration.


#: What the image `registry:2` ships.
EXAMPLE = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""

#: The same as Debian ships it: closed.
CLOSED = f"""\
{EXAMPLE}\
auth:
  htpasswd:
    realm: basic-realm
    path: /etc/docker/registry
"""


class RegistryCommand(Daemon):
    """`registry serve` of ours, in place of theirs, with the same file and the same variables."""

    def __init__(self, folder, config):
        super().__init__(folder)
        self.config = folder / "config.yml"
        self.config.write_text(config)
        self.port = free_port()
        self.environ = {
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "root"),
            "REGISTRY_HTTP_ADDR": f"127.0.0.1:{self.port}",
        }

    def start(self):
        program = Path(sys.executable).with_name("registry")
        self.launch(program, "serve", self.config, **self.environ)
        self.wait(self.answers)
        return self

    def answers(self):
        try:
            return Client(f"http://127.0.0.1:{self.port}").request("GET", "/v2/").status == 200
        except urllib3.exceptions.HTTPError:
            return False


def test_their_example_configuration_serves(tmp_path):
    """`registry serve` takes the file of `registry:2`, and variables override it."""
    with RegistryCommand(tmp_path, EXAMPLE) as registry:
        client = Client(f"http://127.0.0.1:{registry.port}")
        pushed = image()
        client.push("a/b", "1", pushed)
        got = client.request("GET", "/v2/a/b/manifests/1")
        assert (got.status, got.data) == (200, pushed.manifest)
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert (tmp_path / "root" / "docker" / "registry" / "v2").is_dir()
        # What the file does not allow stays forbidden.
        assert client.request("DELETE", f"/v2/a/b/manifests/{pushed.digest}").status == 405


def test_their_example_configuration_serves_their_tree(tmp_path):
    """A registry whose program is replaced by ours serves what it served."""
    config = {"storage": {"filesystem": {"rootdirectory": str(tmp_path / "root")}}}
    pushed = image()
    with DockerRegistry(tmp_path / "theirs", tmp_path / "root", sections=config) as before:
        Client(before.url).push("a/b", "1", pushed)
        served = everything(Client(before.url))
    with RegistryCommand(tmp_path, EXAMPLE) as registry:
        assert everything(Client(f"http://127.0.0.1:{registry.port}")) == served


def test_configuration_that_asks_for_passwords_is_not_served_without(tmp_path):
    """While we cannot keep `auth`, a file that has it is refused, and says so in one line."""
    registry = RegistryCommand(tmp_path, CLOSED)
    program = Path(sys.executable).with_name("registry")
    said = run(program, "serve", registry.config, folder=tmp_path, check=False, **registry.environ)
    problem = "auth: not supported by this version, and not safe to ignore"
    assert said.splitlines() == [f"registry: configuration error: {registry.config}: {problem}"]


def in_pool(work, items):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, items))


def until(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
