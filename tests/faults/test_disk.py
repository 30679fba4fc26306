"""A disk that is full, read-only or somebody else's: pushes are told to wait, pulls go on."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from distribution import Digest
from tests.support.client import Client
from tests.support.images import Image, image, noise
from tests.support.server import START_SECONDS, Server, errors
from tests.support.tools import require, unavailable

NAME = "library/app"
KEPT = image(noise(100_000, seed=1))
NEW = image(noise(1000, seed=2), architecture="arm64")
BLOB = noise(1_500_000, seed=3)
FIRST_CHUNK = 300_000
TEN_DAYS = 10 * 24 * 3600


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB, mounted where the server keeps its content."""
    require("mount", "umount")
    root = tmp_path / "server" / "root"
    root.mkdir(parents=True)
    mounted = _run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root))
    if mounted.returncode != 0:
        unavailable(f"mount is not permitted: {mounted.stderr.strip()}")
    try:
        yield root
    finally:
        assert _run("umount", "--lazy", str(root)).returncode == 0


@pytest.fixture
def small(disk: Path) -> Iterator[Server]:
    """A server on the small disk, with an image that was pushed while there was room."""
    with Server(disk.parent) as server:
        Client(server.url).push(NAME, "kept", KEPT)
        yield server
        server.kill()  # sooner than by a stop
    assert "Traceback" not in server.log


def test_full_while_patching(small: Server) -> None:
    """A PATCH that the disk has no room for gets 503; the session goes on where GET says."""
    client = Client(small.url)
    location = _begun(client)
    with _Full(small.root, leave=500_000):
        _refuses(client, "PATCH", location, body=BLOB[FIRST_CHUNK:])
        _assert_pulls_go_on(client)
    _assert_resumes(client, location)


def test_full_while_putting(small: Server) -> None:
    """So does the PUT that brings the last chunk."""
    client = Client(small.url)
    location = _begun(client)
    with _Full(small.root, leave=500_000):
        query = {"digest": str(Digest.of(BLOB))}
        _refuses(client, "PUT", location, query=query, body=BLOB[FIRST_CHUNK:])
        _assert_pulls_go_on(client)
    _assert_resumes(client, location)


def test_full_while_committing(small: Server) -> None:
    """So does a PUT without a body, which needs room for a link."""
    client = Client(small.url)
    location = client.start(NAME)
    assert client.request("PATCH", location, body=BLOB).status == 202
    with _Full(small.root):
        query = {"digest": str(Digest.of(BLOB))}
        _refuses(client, "PUT", location, query=query)
        _assert_pulls_go_on(client)
    _assert_resumes(client, location)


@pytest.mark.parametrize(
    "leave", [pytest.param(500_000, id="no room for the blob"), pytest.param(0, id="no room")]
)
def test_full_while_posting(small: Server, leave: int) -> None:
    """A POST of a whole blob gets 503, and gives back the room that it took."""
    client = Client(small.url)
    where = f"/v2/{NAME}/blobs/uploads/"
    query = {"digest": str(Digest.of(BLOB))}
    with _Full(small.root, leave=leave):
        before = shutil.disk_usage(small.root).used
        _refuses(client, "POST", where, query=query, body=BLOB)
        _assert_pulls_go_on(client)
        assert shutil.disk_usage(small.root).used - before < 100_000
    assert client.request("POST", where, query=query, body=BLOB).status == 201


def test_full_while_beginning(small: Server) -> None:
    """A POST that begins a session gets 503."""
    client = Client(small.url)
    with _Full(small.root):
        _refuses(client, "POST", f"/v2/{NAME}/blobs/uploads/")
        _assert_pulls_go_on(client)
    client.push_blob(NAME, BLOB)


def test_full_while_putting_a_manifest(small: Server) -> None:
    """A manifest that the disk has no room for gets 503 and is not there."""
    client = Client(small.url)
    for content in NEW.blobs:
        client.push_blob(NAME, content)
    with _Full(small.root):
        _assert_unavailable(client.push_manifest(NAME, "new", NEW))
        _assert_pulls_go_on(client)
        assert client.request("GET", f"/v2/{NAME}/manifests/new").status == 404
    assert client.push_manifest(NAME, "new", NEW).status == 201


def test_full_allows_deletes(small: Server) -> None:
    """What makes room needs none."""
    client = Client(small.url)
    with _Full(small.root):
        for where in (f"manifests/{KEPT.digest}", f"blobs/{Digest.of(KEPT.blobs[1])}"):
            assert client.request("DELETE", f"/v2/{NAME}/{where}").status == 202


def test_read_only(small: Server) -> None:
    """On a disk that cannot be written pushes get 503 and pulls go on, whatever their age."""
    client = Client(small.url)
    location = _begun(client)
    for path in small.root.rglob("*"):
        os.utime(path, times=(time.time() - TEN_DAYS,) * 2)
    _remount(small.root, "ro")
    _assert_nothing_can_be_written(client, location)
    _assert_pulls_go_on(client)
    _remount(small.root, "rw")
    _assert_resumes(client, location)


def test_read_only_from_the_start(small: Server) -> None:
    """A server that begins on such a disk serves pulls, too."""
    _remount(small.root, "ro")
    small.stop()
    small.start()
    client = Client(small.url)
    _assert_pulls_go_on(client)
    _refuses(client, "POST", f"/v2/{NAME}/blobs/uploads/")


class UnprivilegedServer(Server):
    """A server without root's right to overlook permissions."""

    def start(self) -> Server:
        real = subprocess.Popen

        def popen(command: list[str], **options: Any) -> Any:
            return real([*UNPRIVILEGED, *command], **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subprocess, "Popen", popen)
            return super().start()


#: Runs a program as a root that permissions hold for. One that is not root could not read the
#: interpreter, where that is in root's home.
UNPRIVILEGED = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown")


@pytest.fixture
def unprivileged(tmp_path: Path) -> UnprivilegedServer:
    require("setpriv")
    (tmp_path / "theirs").mkdir(mode=0)
    shutil.chown(tmp_path / "theirs", "nobody")
    if _run(*UNPRIVILEGED, "ls", str(tmp_path / "theirs")).returncode == 0:
        unavailable("only root can give up privileges")
    server = UnprivilegedServer(tmp_path / "server")
    # The one that is kept beside the content is not theirs to read either.
    server.sections["http"] = {"addr": server.address, "secret": "known to both"}
    return server


def test_not_ours_to_write(unprivileged: UnprivilegedServer) -> None:
    """On content of another user pushes get 503 and pulls go on, whatever their age."""
    same = Server(unprivileged.folder, unprivileged.sections, port=unprivileged.port)
    with same as server:
        client = Client(server.url)
        client.push(NAME, "kept", KEPT)
        location = _begun(client)
    for path in (server.root, *server.root.rglob("*")):
        os.utime(path, times=(time.time() - TEN_DAYS,) * 2)
        shutil.chown(path, "nobody")
    with unprivileged as server:
        client = Client(server.url)
        _assert_nothing_can_be_written(client, location)
        _assert_pulls_go_on(client)
    assert "Traceback" not in server.log


def test_below_a_folder_that_is_not_ours_to_read(unprivileged: UnprivilegedServer) -> None:
    """To keep content it is enough that the root itself is ours."""
    unprivileged.root.mkdir(parents=True)
    shutil.chown(unprivileged.folder, "nobody")
    unprivileged.folder.chmod(0o711)
    with unprivileged as server:
        Client(server.url).push(NAME, "kept", KEPT)


class _Full:
    """Fills a disk until it is left."""

    def __init__(self, root: Path, leave: int = 0) -> None:
        self._ballast = root / "ballast"
        self._leave = leave

    def __enter__(self) -> None:
        free = shutil.disk_usage(self._ballast.parent).free
        self._ballast.write_bytes(bytes(free - self._leave))

    def __exit__(self, *failure: object) -> None:
        self._ballast.unlink()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _remount(root: Path, mode: str) -> None:
    """Change how a disk is mounted, once the last request has closed its files."""
    deadline = time.monotonic() + START_SECONDS
    while (done := _run("mount", "-o", f"remount,{mode}", str(root))).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.05)


def _begun(client: Client) -> str:
    """Begin a session and send the first chunk of `BLOB`; return its address."""
    patched = client.request("PATCH", client.start(NAME), body=BLOB[:FIRST_CHUNK])
    assert patched.status == 202
    return patched.headers["Location"]


def _assert_resumes(client: Client, location: str) -> None:
    """Go on from where the server says, and see the right bytes in the end."""
    address = location.partition("?")[0]
    status = client.request("GET", address)
    assert status.status == 204
    end = int(status.headers["Range"].partition("-")[2])
    offset = end + 1 if end else 0
    sent = client.request(
        "PATCH", address, body=BLOB[offset:], Content_Range=f"{offset}-{len(BLOB) - 1}"
    ) if offset < len(BLOB) else status  # fmt: skip
    assert sent.status in {202, 204}
    digest = str(Digest.of(BLOB))
    assert client.request("PUT", address, query={"digest": digest}).status == 201
    assert client.request("GET", f"/v2/{NAME}/blobs/{digest}").data == BLOB


def _assert_unavailable(response: urllib3.BaseHTTPResponse) -> None:
    """The answer is 503 with the spec's body, and says when to try again."""
    assert response.status == 503, response.data
    assert errors(response) == ["UNAVAILABLE"]
    assert int(response.headers["Retry-After"]) > 0
    assert "root" not in response.data.decode()


def _refuses(client: Client, *request: Any, **options: Any) -> None:
    """A request gets 503. The server may then close the connection instead of reading the body."""
    _assert_unavailable(client.request(*request, **options))
    client.pool.clear()


def _assert_nothing_can_be_written(client: Client, location: str) -> None:
    """Each request that writes gets 503."""
    digest, query = Digest.of(KEPT.blobs[1]), {"digest": str(Digest.of(BLOB))}
    uploads = f"/v2/{NAME}/blobs/uploads/"
    writes: list[Callable[[], Any]] = [
        lambda: client.request("POST", uploads),
        lambda: client.request("POST", uploads, query=query, body=BLOB),
        lambda: client.request(
            "POST", "/v2/other/blobs/uploads/", query={"mount": str(digest), "from": NAME}
        ),
        lambda: client.request("PATCH", location, body=BLOB[FIRST_CHUNK:]),
        lambda: client.request("PUT", location, query=query, body=BLOB[FIRST_CHUNK:]),
        lambda: client.request("DELETE", location),
        lambda: client.push_manifest(NAME, "again", KEPT),
        lambda: client.request("DELETE", f"/v2/{NAME}/manifests/kept"),
        lambda: client.request("DELETE", f"/v2/{NAME}/manifests/{KEPT.digest}"),
        lambda: client.request("DELETE", f"/v2/{NAME}/blobs/{digest}"),
    ]
    for write in writes:
        _assert_unavailable(write())
        client.pool.clear()


def _assert_pulls_go_on(client: Client, content: Image = KEPT) -> None:
    """Everything that was there can be asked for and read."""
    for blob in content.blobs:
        where = f"/v2/{NAME}/blobs/{Digest.of(blob)}"
        assert client.request("HEAD", where).status == 200
        assert client.request("GET", where).data == blob
    for reference in ("kept", str(content.digest)):
        where = f"/v2/{NAME}/manifests/{reference}"
        assert client.request("HEAD", where).status == 200
        assert client.request("GET", where).data == content.manifest
    assert json.loads(client.request("GET", f"/v2/{NAME}/tags/list").data)["tags"] == ["kept"]
    assert json.loads(client.request("GET", "/v2/_catalog").data)["repositories"] == [NAME]
    assert client.request("GET", f"/v2/{NAME}/referrers/{content.digest}").status == 200
