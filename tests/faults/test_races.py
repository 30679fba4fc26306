"""Pushes and deletes of the same content at the same time."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from distribution import Digest
from tests.support.client import Client
from tests.support.images import Image, image, noise
from tests.support.server import Server, errors

THREADS = 12
SECONDS = 4.0
#: Each image has a layer of its own and one that it shares with others.
SHARED = [noise(2000, seed=n) for n in range(4)]
IMAGES = [image(noise(500, seed=100 + n), SHARED[n % 4], architecture=f"cpu{n}") for n in range(24)]

#: What each request may be answered.
ALLOWED = {"PUT": {201, 400}, "DELETE": {202, 404}, "GET": {200, 404}, "HEAD": {200, 404}}


@dataclass
class Done:
    """A request that was answered, between two moments."""

    what: str
    digest: Digest
    status: int
    start: float
    end: float


@dataclass
class Storm:
    """Requests of many threads to one repository, and their answers."""

    server: Server
    name: str
    done: list[Done] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def blow(self, seed: int) -> None:
        """Do whatever chance says until the time is over."""
        client, chance = Client(self.server.url), random.Random(seed)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            content = chance.choice(IMAGES)
            blob = chance.choice(content.blobs)
            action = chance.choices(ACTIONS, weights=[8, 4, 2, 1, 1, 2])[0]
            action(self, client, content, blob)

    def put_manifest(self, client: Client, content: Image, _blob: bytes) -> None:
        tag = f"tag-{content.digest.hex[:8]}"
        self._request(client, "put", content.digest, lambda: client.push_manifest(
            self.name, tag, content), "PUT")  # fmt: skip

    def push_blobs(self, client: Client, content: Image, _blob: bytes) -> None:
        for blob in content.blobs:
            client.push_blob(self.name, blob)

    def delete_manifest(self, client: Client, content: Image, _blob: bytes) -> None:
        self._send(
            client, "delete manifest", content.digest, "DELETE", f"manifests/{content.digest}"
        )

    def delete_tag(self, client: Client, content: Image, _blob: bytes) -> None:
        where = f"manifests/tag-{content.digest.hex[:8]}"
        self._send(client, "delete tag", content.digest, "DELETE", where)

    def delete_blob(self, client: Client, _content: Image, blob: bytes) -> None:
        digest = Digest.of(blob)
        self._send(client, "delete blob", digest, "DELETE", f"blobs/{digest}")

    def read(self, client: Client, content: Image, blob: bytes) -> None:
        self._send(client, "read", content.digest, "GET", f"manifests/{content.digest}")
        self._send(client, "read", content.digest, "GET", "tags/list")
        self._send(client, "read", content.digest, "HEAD", f"blobs/{Digest.of(blob)}")

    def _send(self, client: Client, what: str, digest: Digest, method: str, where: str) -> None:
        path = f"/v2/{self.name}/{where}"
        self._request(client, what, digest, lambda: client.request(method, path), method)

    def _request(
        self, client: Client, what: str, digest: Digest, send: Callable[[], object], method: str
    ) -> None:
        start = time.monotonic()
        response = send()
        if response.status not in ALLOWED[method]:
            self.wrong.append(f"{what} {digest}: {response.status} {response.data!r}")
        if response.status == 400 and errors(response)[0] != "MANIFEST_BLOB_UNKNOWN":
            self.wrong.append(f"{what} {digest}: {response.data!r}")
        self.done.append(Done(what, digest, response.status, start, time.monotonic()))

    def certain(self) -> Iterator[Image]:
        """Yield images that were acknowledged after each delete of any part of them had ended."""
        for content in IMAGES:
            parts = {content.digest, *map(Digest.of, content.blobs)}
            deleted = max(
                (
                    each.end
                    for each in self.done
                    if each.what in {"delete manifest", "delete blob"} and each.digest in parts
                ),
                default=0.0,
            )
            if any(
                each.what == "put"
                and each.status == 201
                and each.digest == content.digest
                and each.start > deleted
                for each in self.done
            ):
                yield content


ACTIONS = [
    Storm.put_manifest,
    Storm.push_blobs,
    Storm.read,
    Storm.delete_manifest,
    Storm.delete_blob,
    Storm.delete_tag,
]


def test_pushes_and_deletes(server: Server, client: Client, name: str) -> None:
    """No request fails, and what was acknowledged and not deleted afterwards is whole."""
    storm, before = Storm(server, name), len(server.log)
    for content in IMAGES:
        client.push(name, f"tag-{content.digest.hex[:8]}", content)
    _at_once([lambda seed=seed: storm.blow(seed) for seed in range(THREADS)])
    assert storm.wrong == []
    counts = {(each.what, each.status) for each in storm.done}
    assert counts >= {("put", 201), ("put", 400), ("delete blob", 202), ("delete manifest", 202)}
    certain = list(storm.certain())
    assert certain
    for content in certain:
        found = client.request("GET", f"/v2/{name}/manifests/{content.digest}")
        assert found.data == content.manifest
        for blob in content.blobs:
            assert client.request("GET", f"/v2/{name}/blobs/{Digest.of(blob)}").data == blob
    assert "Traceback" not in server.log[before:]


@pytest.mark.parametrize("kind", ["manifest", "tag", "blob"])
def test_deletes_of_one_thing(server: Server, client: Client, name: str, kind: str) -> None:
    """Of many deletes of one thing exactly one is told 202, the others 404."""
    content = IMAGES[0]
    client.push(name, "latest", content)
    where = {
        "manifest": f"manifests/{content.digest}",
        "tag": "manifests/latest",
        "blob": f"blobs/{Digest.of(content.blobs[1])}",
    }[kind]
    together = threading.Barrier(THREADS)
    statuses: list[int] = []

    def delete() -> None:
        mine = Client(server.url)
        mine.request("GET", "/v2/")
        together.wait(30)
        statuses.append(mine.request("DELETE", f"/v2/{name}/{where}").status)

    _at_once([delete] * THREADS)
    assert sorted(statuses) == [202] + [404] * (THREADS - 1)


def _at_once(work: list[Callable[[], None]]) -> None:
    """Run each in a thread; raise what the first of them raised."""
    raised: list[BaseException] = []

    def guarded(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    if raised:
        raise raised[0]
