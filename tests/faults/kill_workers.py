"""Push through a server whose processes are killed all the time; then see what it kept.

Run by hand: ``python -m tests.faults.kill_workers --pushes 200``. ``test_kill.py`` is its short
form. A push that got no answer was not acknowledged, and its client tries again, as clients do.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from urllib3.exceptions import HTTPError

from distribution import Digest
from tests.support import faults
from tests.support.client import Client
from tests.support.images import Image, image, noise
from tests.support.server import Server

REPOSITORIES = ("storm/a", "storm/b", "storm/b/nested", "storm/c")
SMALLEST, LARGEST = 1 << 10, 4 << 20
CHUNKS = 4

#: Of ten kills, so many end the whole server.
WHOLE_GROUP = 0.1


class Unfinished(Exception):  # noqa: N818 - nothing went wrong, the time was up
    """The time for the storm is over."""


@dataclass
class Report:
    """What happened, and what should not have."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        lines = [counts, f"violations: {len(self.violations)}", *self.violations[:50]]
        return "\n".join(lines)


class Killer(threading.Thread):
    """Ends processes of a server at random moments, and starts it again where none is left."""

    def __init__(self, server: Server, report: Report, seed: int) -> None:
        super().__init__(name="killer")
        self._server = server
        self._report = report
        self._random = random.Random(seed)
        self._enough = threading.Event()

    def run(self) -> None:
        try:
            while not self._enough.wait(self._random.uniform(0.02, 0.4)):
                self._kill()
        except Exception as error:  # noqa: BLE001 - a server that does not start again, say
            self._report.violations.append(f"killer: {error!r}")

    def _kill(self) -> None:
        if self._random.random() < WHOLE_GROUP:
            self._server.kill()
            self._server.start()
            self._report.counts["kills of the whole server"] += 1
        elif workers := self._server.workers:
            with suppress(ProcessLookupError):
                os.kill(self._random.choice(workers), signal.SIGKILL)
                self._report.counts["kills of a worker"] += 1

    def stop(self) -> None:
        self._enough.set()
        self.join(60)
        assert not self.is_alive(), "the killer did not end"


@dataclass
class Storm:
    """The pushes, and what the server said of each."""

    server: Server
    report: Report
    deadline: float
    seed: int
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Acknowledged content by repository and digest."""
    manifests: dict[tuple[str, str], Image] = field(default_factory=dict)
    tags: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Digests that a tag may point at: acknowledged ones, and tries that were not answered."""
    acknowledged_tags: set[tuple[str, str]] = field(default_factory=set)
    sessions: dict[str, bytes] = field(default_factory=dict)
    """The content meant for each session whose address was told."""

    def push(self, client: Client, number: int) -> None:
        """Push one image with its blobs."""
        choice = random.Random(f"{self.seed}-{number}")
        name = choice.choice(REPOSITORIES)
        shared = [noise(SMALLEST << (2 * n), seed=n) for n in choice.sample(range(6), 2)]
        size = int(SMALLEST * (LARGEST / SMALLEST) ** choice.random())
        content = image(*shared, noise(size, seed=1000 + number), architecture=f"cpu{number}")
        ways = [self._put, self._stream, self._chunks]
        for blob in content.blobs:
            self._push_blob(client, name, blob, choice.choice(ways))
        for tag in (f"v{number}", "latest"):
            self._push_manifest(client, name, tag, content)

    def _push_blob(
        self, client: Client, name: str, content: bytes, way: Callable[..., Any]
    ) -> None:
        digest = Digest.of(content)
        response = self._until_answered(
            lambda: way(client, name, content, str(digest)), again=(409,)
        )
        if response.status == 201:
            self.blobs[name, str(digest)] = content
            self.report.counts["blobs acknowledged"] += 1
        else:
            self._complain(f"push of {digest} to {name}", response)

    def _push_manifest(self, client: Client, name: str, tag: str, content: Image) -> None:
        digest = str(content.digest)
        self.tags[name, tag].add(digest)
        response = self._until_answered(lambda: client.push_manifest(name, tag, content))
        if response.status == 201:
            self.manifests[name, digest] = content
            self.acknowledged_tags.add((name, tag))
            self.report.counts["manifests acknowledged"] += 1
        else:
            self._complain(f"manifest {digest} to {name}:{tag}", response)

    def _put(self, client: Client, name: str, content: bytes, digest: str) -> Any:
        location = self._start(client, name, content)
        return client.request("PUT", location, query={"digest": digest}, body=content)

    def _stream(self, client: Client, name: str, content: bytes, digest: str) -> Any:
        location = self._start(client, name, content)
        patched = client.request("PATCH", location, body=_pieces(content))
        if patched.status != 202:
            return patched
        return client.request("PUT", patched.headers["Location"], query={"digest": digest})

    def _chunks(self, client: Client, name: str, content: bytes, digest: str) -> Any:
        """Send pieces; after each that got no answer ask where the session stands."""
        location = self._start(client, name, content)
        size, offset = -(-len(content) // CHUNKS), 0
        while offset < len(content):
            piece = content[offset : offset + size]
            where = f"{offset}-{offset + len(piece) - 1}"
            try:
                patched = client.request("PATCH", location, body=piece, Content_Range=where)
            except HTTPError:
                patched = None
            if patched is None or patched.status in {409, 416}:
                # 409: the server still has the request whose connection broke.
                self.report.counts["resumed sessions"] += 1
                self._check_time()
                patched = self._until_answered(partial(client.request, "GET", location))
            if patched.status not in {202, 204}:
                return patched
            location = patched.headers["Location"]
            offset = _offset(patched)
        return client.request("PUT", location, query={"digest": digest})

    def _start(self, client: Client, name: str, content: bytes) -> str:
        response = client.request("POST", f"/v2/{name}/blobs/uploads/")
        assert response.status == 202, (response.status, response.data)
        self.sessions[response.headers["Docker-Upload-UUID"]] = content
        return response.headers["Location"]

    def _until_answered(self, request: Callable[[], Any], *, again: tuple[int, ...] = ()) -> Any:
        """Try until there is an answer, and not one of those to try *again* on."""
        while True:
            try:
                response = request()
            except HTTPError:
                self.report.counts["requests without an answer"] += 1
            else:
                if response.status not in again:
                    return response
            self._check_time()
            time.sleep(0.05)

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise Unfinished

    def _complain(self, what: str, response: Any) -> None:
        self.report.violations.append(f"{what}: {response.status} {response.data[:200]!r}")


def run(folder: Path, *, pushes: int, concurrency: int, seconds: float, seed: int) -> Report:
    """Let the storm rage over a registry in *folder*, and look at what is left."""
    report = Report()
    with Server(folder) as server:
        storm = Storm(server, report, time.monotonic() + seconds, seed)
        killer = Killer(server, report, seed)
        killer.start()
        try:
            _in_threads(storm, concurrency, list(range(pushes)), _pusher(storm))
        finally:
            killer.stop()
        server.kill()
        server.start()
        _check(storm)
        if "Traceback" in server.log:
            report.violations.append("a traceback is in the log")
    return report


def main() -> int:
    """Read the command line, let the storm rage, print what happened; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=200, help="images to push")
    parser.add_argument("--concurrency", type=int, default=16, help="clients at once")
    parser.add_argument("--seconds", type=float, default=420, help="at most so long")
    parser.add_argument("--seed", type=int, default=None, help="default: another each time")
    given = parser.parse_args()
    seed = random.randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = run(
            Path(folder) / "server",
            pushes=given.pushes,
            concurrency=given.concurrency,
            seconds=given.seconds,
            seed=seed,
        )
    print(report)
    return 1 if report.violations else 0


def _pusher(storm: Storm) -> Callable[[Client, int], None]:
    def push(client: Client, number: int) -> None:
        try:
            storm.push(client, number)
        except Unfinished:
            storm.report.counts["pushes unfinished"] += 1
        else:
            storm.report.counts["pushes finished"] += 1

    return push


def _check(storm: Storm) -> None:
    """Ask for everything that was acknowledged, then push it again."""
    wrong = storm.report.violations
    root = storm.server.root
    wrong.extend(f"damaged: {path}" for path in faults.damaged(root))
    left = list(faults.sessions(root))
    storm.report.counts["sessions left behind"] = len(left)
    checks: list[tuple[Callable[..., str | None], tuple[Any, ...]]] = [
        *((_check_blob, (*key, content)) for key, content in storm.blobs.items()),
        *((_check_manifest, (*key, content)) for key, content in storm.manifests.items()),
        *((_check_tag, (*key, storm.tags[key])) for key in storm.acknowledged_tags),
        *((_check_session, (name, upload, storm.sessions.get(upload))) for name, upload in left),
        *((_check_lists, (name, storm)) for name in {name for name, _ in storm.manifests}),
    ]

    def check(client: Client, item: tuple[Callable[..., str | None], tuple[Any, ...]]) -> None:
        function, arguments = item
        if found := function(client, *arguments):
            wrong.append(found)

    _in_threads(storm, 8, checks, check)


def _check_blob(client: Client, name: str, digest: str, content: bytes) -> str | None:
    response = client.request("GET", f"/v2/{name}/blobs/{digest}")
    if response.status != 200 or response.data != content:
        return f"acknowledged blob {digest} of {name}: {response.status}"
    again = client.request("PUT", client.start(name), query={"digest": digest}, body=content)
    return None if again.status == 201 else f"blob {digest} again to {name}: {again.status}"


def _check_manifest(client: Client, name: str, digest: str, content: Image) -> str | None:
    response = client.request("GET", f"/v2/{name}/manifests/{digest}")
    if response.status != 200 or response.data != content.manifest:
        return f"acknowledged manifest {digest} of {name}: {response.status}"
    again = client.push_manifest(name, digest, content)
    return None if again.status == 201 else f"manifest {digest} again to {name}: {again.status}"


def _check_tag(client: Client, name: str, tag: str, allowed: set[str]) -> str | None:
    response = client.request("GET", f"/v2/{name}/manifests/{tag}")
    if response.status != 200 or str(Digest.of(response.data)) not in allowed:
        return f"acknowledged tag {name}:{tag}: {response.status}"
    return None


def _check_session(client: Client, name: str, upload: str, content: bytes | None) -> str | None:
    """Go on with a session as its client would; where nobody was told of it, with anything."""
    address = f"/v2/{name}/blobs/uploads/{upload}"
    status = client.request("GET", address)
    if status.status == 404:
        return None
    if status.status != 204:
        return f"session {upload} of {name}: {status.status}"
    content, offset = content or b"anything", _offset(status)
    rest = client.request(
        "PATCH", address, body=content[offset:], Content_Range=f"{offset}-{len(content) - 1}"
    ) if offset < len(content) else status  # fmt: skip
    digest = str(Digest.of(content))
    done = client.request("PUT", address, query={"digest": digest})
    if (rest.status, done.status) in {(202, 201), (204, 201)}:
        return None
    return f"session {upload} of {name} from {offset}: {rest.status}, {done.status}"


def _check_lists(client: Client, name: str, storm: Storm) -> str | None:
    tags = client.request("GET", f"/v2/{name}/tags/list", query={"n": 1000})
    catalog = client.request("GET", "/v2/_catalog", query={"n": 1000})
    if (tags.status, catalog.status) != (200, 200):
        return f"lists of {name}: {tags.status}, {catalog.status}"
    missing = {tag for repository, tag in storm.acknowledged_tags if repository == name}
    missing -= set(json.loads(tags.data)["tags"])
    if missing or name not in json.loads(catalog.data)["repositories"]:
        return f"lists of {name} lack the repository, or {sorted(missing)}"
    return None


def _in_threads(
    storm: Storm, count: int, items: list[Any], work: Callable[[Client, Any], None]
) -> None:
    """Give each item to one of some threads, each of which has a client."""
    queue: SimpleQueue[Any] = SimpleQueue()
    for item in items:
        queue.put(item)

    def drain() -> None:
        client = Client(storm.server.url)
        with suppress(Empty):
            while True:
                item = queue.get_nowait()
                try:
                    work(client, item)
                except Exception as error:  # noqa: BLE001 - whatever it is, the report must tell
                    storm.report.violations.append(f"{error!r} on {str(item)[:100]}")

    threads = [threading.Thread(target=drain) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _offset(response: Any) -> int:
    """Return the bytes received; ``0-0`` stands for none, no chunk here has one byte."""
    end = int(response.headers["Range"].partition("-")[2])
    return end + 1 if end else 0


def _pieces(content: bytes, size: int = 64 << 10) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


if __name__ == "__main__":
    sys.exit(main())
