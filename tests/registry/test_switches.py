"""What an operator can switch off: deletes, and all writing (CVE-2026-41888)."""

import pytest

from distribution import Digest
from distribution.registry.app import create_app
from distribution.storage import StoredNamespace
from distribution.storage.drivers.memory import MemoryDriver
from tests.support.client import Client
from tests.support.images import image, noise
from tests.support.local import Local, site
from tests.support.server import errors

IMAGE = image()
BLOB = Digest.of(IMAGE.blobs[0])

#: Every request that changes something, by what it does; SESSION stands for an upload's address.
WRITES = {
    "start an upload": ("POST", "/v2/repo/blobs/uploads/"),
    "mount": ("POST", f"/v2/other/blobs/uploads/?mount={BLOB}&from=repo"),
    "mount anonymously": ("POST", f"/v2/other/blobs/uploads/?mount={BLOB}"),
    "push in one request": ("POST", f"/v2/repo/blobs/uploads/?digest={Digest.of(b'')}"),
    "append": ("PATCH", "SESSION"),
    "finish an upload": ("PUT", "SESSION"),
    "cancel an upload": ("DELETE", "SESSION"),
    "push a manifest by tag": ("PUT", "/v2/repo/manifests/v1"),
    "push a manifest by digest": ("PUT", f"/v2/repo/manifests/{IMAGE.digest}"),
    "set more tags": ("PUT", f"/v2/repo/manifests/{IMAGE.digest}?tag=v2"),
    "delete a blob": ("DELETE", f"/v2/repo/blobs/{BLOB}"),
    "delete a tag": ("DELETE", "/v2/repo/manifests/v1"),
    "delete a manifest": ("DELETE", f"/v2/repo/manifests/{IMAGE.digest}"),
}
DELETES = ["delete a blob", "delete a tag", "delete a manifest"]
STATUSES = {
    "start an upload": 202,
    "mount": 201,
    "mount anonymously": 201,
    "push in one request": 201,
    "append": 202,
    "finish an upload": 201,
    "cancel an upload": 204,
    "push a manifest by tag": 201,
    "push a manifest by digest": 201,
    "set more tags": 201,
}


class Switched:
    """A filled store, and an application over it with switches of its own."""

    def __init__(self, **switches: bool) -> None:
        self.driver = MemoryDriver()
        shared = site(namespace=StoredNamespace(self.driver))
        before = Local(create_app(shared))
        before.push("repo", "v1", IMAGE)
        self.session = before.start("repo")
        self.client = Local(create_app(shared, **switches))

    def files(self) -> dict[str, bytes]:
        return {each.path: self.driver.get(each.path) for each in self.driver.walk("/")}

    def write(self, what: str):
        method, path = WRITES[what]
        more = {}
        if "manifest by" in what or "tags" in what:
            more = {"body": IMAGE.manifest, "Content_Type": IMAGE.media_type}
        if what == "finish an upload":
            more = {"query": {"digest": Digest.of(b"x")}, "body": b"x"}
        if what == "append":
            more = {"body": b"x"}
        return self.client.request(method, path.replace("SESSION", self.session), **more)


class TestReadOnly:
    @pytest.mark.parametrize("what", WRITES)
    def test_refuses_every_write(self, what):
        """Every route that writes is 405, and the store stays as it was, to the byte."""
        switched = Switched(read_only=True)
        before = switched.files()
        got = switched.write(what)
        assert (got.status, errors(got)) == (405, ["UNSUPPORTED"])
        assert not {"POST", "PUT", "PATCH", "DELETE"} & set(got.headers["Allow"].split(", "))
        assert switched.files() == before

    @pytest.mark.parametrize(
        "path",
        ["/v2/repo/manifests/v1", f"/v2/repo/blobs/{BLOB}"],
        ids=["a manifest", "a blob"],
    )
    def test_answers_reads(self, path):
        """Reading goes on."""
        assert Switched(read_only=True).client.request("GET", path).status == 200


class TestDeletesOff:
    @pytest.mark.parametrize("what", DELETES)
    def test_refuses_deletes(self, what):
        """Blobs, tags and manifests stay, whichever way they are named."""
        switched = Switched(deletes=False)
        before = switched.files()
        got = switched.write(what)
        assert (got.status, errors(got)) == (405, ["UNSUPPORTED"])
        assert "DELETE" not in got.headers["Allow"]
        assert switched.files() == before

    @pytest.mark.parametrize("what", STATUSES)
    def test_allows_the_rest(self, what):
        """Pushing goes on, and a session can be cancelled: it is not content yet."""
        assert Switched(deletes=False).write(what).status == STATUSES[what]


class TestConfigured:
    def test_deletes_are_off_unless_switched_on(self, serve, tmp_path, name):
        """As in Distribution, a file that says nothing of deletes has none."""
        server = serve(storage={"filesystem": {"rootdirectory": str(tmp_path / "root")}})
        client = Client(server.url)
        digest = client.push_blob(name, noise(10))
        got = client.request("DELETE", f"/v2/{name}/blobs/{digest}")
        assert (got.status, errors(got)) == (405, ["UNSUPPORTED"])
        assert client.request("GET", f"/v2/{name}/blobs/{digest}").status == 200

    def test_read_only_by_the_file(self, serve, tmp_path, name):
        """``storage.maintenance.readonly`` switches writing off over a real server."""
        storage = {
            "filesystem": {"rootdirectory": str(tmp_path / "root")},
            "delete": {"enabled": True},
            "maintenance": {"readonly": {"enabled": True}},
        }
        client = Client(serve(storage=storage).url)
        for method, path in WRITES.values():
            address = path.replace("SESSION", "/v2/repo/blobs/uploads/x")
            got = client.request(method, address, body=b"x")
            assert (path, got.status, errors(got)) == (path, 405, ["UNSUPPORTED"])
