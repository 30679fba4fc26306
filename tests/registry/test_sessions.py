"""Upload sessions against two workers: resumed, tampered with, raced for, and broken off.

Each request here may reach either worker: those that matter go over connections of their own.
"""

import base64
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from distribution import Digest
from tests.support import raw
from tests.support.client import Client
from tests.support.images import noise
from tests.support.server import errors

CLIENTS = 16


def path_of(location: str) -> str:
    """Return path and query of an address."""
    url = urlsplit(location)
    return f"{url.path}?{url.query}"


def token_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["_state"][0]


def with_token(location: str, token: str) -> str:
    return f"{location.partition('?')[0]}?_state={quote(token, safe='')}"


def offset_of(client, location: str) -> int:
    """Ask where a session stands, by its bare address: the state in *location* may be old."""
    got = client.request("GET", location.partition("?")[0])
    assert got.status == 204, (got.status, got.data)
    return 0 if got.headers["Range"] == "0-0" else int(got.headers["Range"][2:]) + 1


def sessions_of(server, name: str) -> list[str]:
    """Return the sessions that are left of a repository."""
    folder = server.root / "docker/registry/v2/repositories" / name / "_uploads"
    return [each.name for each in folder.iterdir()] if folder.exists() else []


def wait_until(true, what: str) -> None:
    """Wait for *what*, as long as a slow machine may take."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def is_claimed(server, location: str) -> bool:
    """Say whether a request is writing to a session; asking over HTTP would claim it itself."""
    upload = urlsplit(location).path.rpartition("/")[2]
    return (server.root / ".distribution/uploads" / upload).exists()


def break_off(server, client, location: str, *pieces: bytes) -> None:
    """Send the beginning of a request, hang up, and wait until the server has noticed."""
    with raw.connection(server.port) as opened:
        for piece in pieces:
            opened.sendall(piece)
        wait_until(lambda: offset_of(client, location) > 0, "nothing arrived")
    wait_until(lambda: not is_claimed(server, location), "the hang-up was not noticed")


class TestResuming:
    def test_on_any_worker(self, fresh, name):
        """Pieces sent over fresh connections, each to whichever worker, make one blob."""
        content = noise(40_000)
        digest = Digest.of(content)
        location = fresh().start(name)
        for start in range(0, len(content), 2000):
            got = fresh().request(
                "PATCH",
                location,
                body=content[start : start + 2000],
                Content_Range=f"{start}-{start + 1999}",
            )
            assert (got.status, got.headers["Range"]) == (202, f"0-{start + 1999}")
            location = got.headers["Location"]
        got = fresh().request("PUT", location, query={"digest": digest})
        assert got.status == 201
        assert fresh().request("GET", f"/v2/{name}/blobs/{digest}").data == content

    @pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
    def test_keeps_the_hash(self, fresh, name, algorithm):
        """Whatever the digest's algorithm, and known or not when the upload began."""
        content = noise(3000)
        digest = Digest.of(content, algorithm)
        for query in ({}, {"digest-algorithm": algorithm}):
            got = fresh().request("PATCH", fresh().start(name, **query), body=content[:1234])
            got = fresh().request(
                "PUT", got.headers["Location"], query={"digest": digest}, body=content[1234:]
            )
            assert (query, got.status) == (query, 201)

    def test_many_at_once(self, fresh, name):
        """Sessions side by side on two workers do not meet."""

        def push(seed: int) -> bool:
            client, content = fresh(), noise(9000, seed)
            location = client.start(name)
            for start in (0, 3000, 6000):
                body = content[start : start + 3000]
                location = fresh().request("PATCH", location, body=body).headers["Location"]
            query = {"digest": Digest.of(content)}
            assert client.request("PUT", location, query=query).status == 201
            return fresh().request("GET", f"/v2/{name}/blobs/{query['digest']}").data == content

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert all(pool.map(push, range(CLIENTS)))

    def test_status_needs_no_state(self, fresh, name):
        """A session tells where it stands without ``_state``, on any worker."""
        location = fresh().start(name)
        fresh().request("PATCH", location, body=noise(700))
        for _ in range(6):
            got = fresh().request("GET", location.partition("?")[0])
            assert (got.status, got.headers["Range"]) == (204, "0-699")
            assert got.headers["Docker-Upload-UUID"] == location.partition("?")[0][-36:]


class TestState:
    @pytest.fixture
    def begun(self, client, name):
        """A session with 100 bytes: its address at the start, and now."""
        first = client.start(name)
        got = client.request("PATCH", first, body=noise(100, seed=9))
        return first, got.headers["Location"]

    @pytest.fixture
    def unchanged(self, client, begun):
        """Check at the end that the session stands where it stood."""
        yield
        assert offset_of(client, begun[1]) == 100

    def attempt(self, client, method, location):
        query = {"digest": Digest.of(noise(100, seed=9) + b"more")}
        return client.request(method, location, query=query, body=b"more")

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    @pytest.mark.parametrize(
        "tamper",
        ["signature", "offset", "name", "cut off", "empty payload", "no base64", "not ASCII"],
    )
    def test_that_is_forged(self, client, begun, method, tamper):
        """A state that we did not sign is 404, and the session lives on."""
        token = token_of(begun[1])
        signed = base64.urlsafe_b64decode(token)
        mac, payload = signed[:32], signed[32:]
        state = json.loads(payload)
        made = {
            "signature": base64.urlsafe_b64encode(bytes(32) + payload).decode(),
            "offset": _encode(mac, state | {"Offset": 0}),
            "name": _encode(mac, state | {"Name": "other"}),
            "cut off": token[:50],
            "empty payload": base64.urlsafe_b64encode(mac).decode(),
            "no base64": "?" + token,
            "not ASCII": token + "\u00e9",
        }[tamper]
        got = self.attempt(client, method, with_token(begun[1], made))
        assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_INVALID"])

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    @pytest.mark.parametrize("other", ["session", "repository"])
    def test_of_another(self, client, name, begun, method, other):
        """A true state of another session or repository is 404."""
        foreign = client.start(name if other == "session" else f"{name}/other")
        got = self.attempt(client, method, with_token(begun[1], token_of(foreign)))
        assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_INVALID"])

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_that_is_old(self, client, begun, method):
        """A replayed state of an earlier offset is 416 with the true one."""
        got = self.attempt(client, method, begun[0])
        assert (got.status, errors(got)) == (416, ["RANGE_INVALID"])
        assert got.headers["Range"] == "0-99"

    def test_that_is_missing(self, client, name, begun):
        """Without a state the session goes on where it stands."""
        got = self.attempt(client, "PUT", begun[1].partition("?")[0])
        assert got.status == 201

    def test_that_is_empty(self, client, name, begun):
        """An empty state is as none."""
        assert self.attempt(client, "PUT", with_token(begun[1], "")).status == 201


def _encode(mac: bytes, state: dict) -> str:
    payload = json.dumps(state, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(mac + payload).decode()


class TestOwnership:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "PUT", "DELETE"])
    @pytest.mark.parametrize("state", [True, False], ids=["with state", "without state"])
    def test_is_of_one_repository(self, client, name, method, state):
        """A session is unknown under another repository's name (CVE-2026-32589)."""
        location = client.start(f"{name}/mine")
        client.request("PATCH", location, body=b"secret")
        foreign = location.replace(f"{name}/mine", f"{name}/theirs")
        if not state:
            foreign = foreign.partition("?")[0]
        query = {"digest": Digest.of(b"secret")}
        body = b"" if method in {"PATCH", "PUT"} else None
        assert client.request(method, foreign, query=query, body=body).status == 404
        assert offset_of(client, location) == len(b"secret")


class TestRaces:
    def test_for_one_session(self, fresh, name):
        """Of appends at once to one session one wins; the others are 409 or 416."""
        location = fresh().start(name)
        barrier = Barrier(8)
        contents = [bytes([65 + n]) * 200_000 for n in range(8)]

        def append(content: bytes) -> int:
            client = fresh()
            barrier.wait(30)
            return client.request(
                "PATCH", location, body=content, Content_Range=f"0-{len(content) - 1}"
            ).status

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(append, contents))
        assert sorted(set(statuses) - {409, 416}) == [202]
        assert statuses.count(202) == 1
        winner = contents[statuses.index(202)]
        got = fresh().request(
            "PUT", location.partition("?")[0], query={"digest": Digest.of(winner)}
        )
        assert got.status == 201

    def test_never_interleave(self, server, fresh, name):
        """Appends without a place to go to are in the end whole, one after another."""
        location = fresh().start(name).partition("?")[0]
        barrier = Barrier(6)
        size = 300_000

        def append(letter: int) -> tuple[int, int]:
            client, body = fresh(), bytes([letter]) * size
            barrier.wait(30)
            return letter, client.request("PATCH", location, body=body).status

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(append, range(65, 71)))
        taken = {letter for letter, status in answers if status == 202}
        assert {status for _, status in answers} <= {202, 409}
        assert offset_of(fresh(), location) == size * len(taken)
        session = location.rpartition("/")[2]
        folder = server.root / "docker/registry/v2/repositories" / name / "_uploads" / session
        data = (folder / "data").read_bytes()
        assert {data[n : n + size] for n in range(0, len(data), size)} == {
            bytes([letter]) * size for letter in taken
        }

    @pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
    def test_leave_the_first_alone(self, server, fresh, name, method):
        """While one request writes, others are 409, and the first ends well."""
        content = noise(1000)
        digest = Digest.of(content)
        location = fresh().start(name)
        head = raw.head(
            "PUT", f"{path_of(location)}&digest={digest}", f"Content-Length: {len(content)}"
        )
        with raw.connection(server.port) as first:
            first.sendall(head + content[:500])
            wait_until(lambda: is_claimed(server, location), "the first does not write")
            got = fresh().request(
                method, location.partition("?")[0], query={"digest": digest}, body=b"x"
            )
            assert got.status == 409
            assert errors(got) == ["BLOB_UPLOAD_INVALID"]
            first.sendall(content[500:])
            assert raw.receive(first).status == 201

    def test_of_one_blob(self, server, fresh, name):
        """Sixteen clients push one blob into one repository: all 201, one file, nothing left."""
        content = noise(500_000)
        assert self.push_at_once(fresh, [name] * CLIENTS, content) == {201}
        self.assert_stored_once(server, fresh, {name}, content)

    def test_of_one_blob_in_many_repositories(self, server, fresh, name):
        """Sixteen clients push one blob, each into a repository of its own."""
        content = noise(500_000)
        names = [f"{name}/{n}" for n in range(CLIENTS)]
        assert self.push_at_once(fresh, names, content) == {201}
        self.assert_stored_once(server, fresh, set(names), content)

    def push_at_once(self, fresh, names, content) -> set[int]:
        digest = Digest.of(content)
        barrier = Barrier(len(names))

        def push(place: tuple[int, str]) -> int:
            number, name = place
            client = fresh()
            location = client.start(name)
            barrier.wait(30)
            if number % 2:
                query = {"digest": digest}
                return client.request("PUT", location, query=query, body=content).status
            location = client.request("PATCH", location, body=content).headers["Location"]
            return client.request("PUT", location, query={"digest": digest}).status

        with ThreadPoolExecutor(len(names)) as pool:
            return set(pool.map(push, enumerate(names)))

    def assert_stored_once(self, server, fresh, names, content):
        digest = Digest.of(content)
        folder = server.root / "docker/registry/v2/blobs/sha256" / digest.hex[:2] / digest.hex
        assert {each.name for each in folder.iterdir()} <= {"data", "repositories"}
        assert (folder / "data").read_bytes() == content
        for name in names:
            assert fresh().request("GET", f"/v2/{name}/blobs/{digest}").data == content
            assert sessions_of(server, name) == []


class TestBreakingOff:
    @pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
    def test_leaves_what_came(self, server, fresh, name, chunked):
        """After a hang-up amid a PATCH the session tells how much came, and goes on from there."""
        content = noise(2_500_000)
        sent = 1_700_000
        location = fresh().start(name)
        if chunked:
            head = raw.head("PATCH", path_of(location), "Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n" % (sent, content[:sent])
        else:
            head = raw.head("PATCH", path_of(location), f"Content-Length: {len(content)}")
            body = content[:sent]
        break_off(server, fresh(), location, head, body)
        reached = offset_of(fresh(), location)
        assert 0 < reached <= sent
        got = fresh().request(
            "PATCH",
            location.partition("?")[0],
            body=content[reached:],
            Content_Range=f"{reached}-{len(content) - 1}",
        )
        assert got.status == 202
        digest = Digest.of(content)
        got = fresh().request("PUT", got.headers["Location"], query={"digest": digest})
        assert got.status == 201
        assert fresh().request("GET", f"/v2/{name}/blobs/{digest}").data == content

    def test_amid_a_put_publishes_nothing(self, server, fresh, name):
        """A body that ends early is not taken for the whole, even if its digest were right."""
        content = noise(1 << 20)
        digest = Digest.of(content)
        location = fresh().start(name)
        head = raw.head("PUT", f"{path_of(location)}&digest={digest}", "Content-Length: 2000000")
        break_off(server, fresh(), location, head, content)
        assert fresh().request("HEAD", f"/v2/{name}/blobs/{digest}").status == 404
        assert offset_of(fresh(), location) == len(content)

    def test_amid_a_single_post_leaves_nothing(self, server, fresh, name):
        """Nobody knows the session of a single POST, so none is left of it."""
        content = noise(1000)
        path = f"/v2/{name}/blobs/uploads/?digest={Digest.of(content)}"
        with raw.connection(server.port) as opened:
            opened.sendall(raw.head("POST", path, "Content-Length: 2000") + content)
        folder = server.root / "docker/registry/v2/repositories" / name / "_uploads"
        wait_until(lambda: folder.exists() and not list(folder.iterdir()), "a session is left")
        assert fresh().request("HEAD", f"/v2/{name}/blobs/{Digest.of(content)}").status == 404

    def test_with_half_a_connection_is_408(self, server, fresh, name):
        """A client that ends its side early and listens is told."""
        location = fresh().start(name)
        head = raw.head("PATCH", path_of(location), "Content-Length: 2000")
        with raw.connection(server.port) as opened:
            opened.sendall(head + b"x" * 10)
            opened.shutdown(socket.SHUT_WR)
            got = raw.receive(opened)
        assert (got.status, errors(got)) == (408, ["BLOB_UPLOAD_INVALID"])
        assert offset_of(fresh(), location) == 10

    def test_of_an_idle_client(self, serve, name):
        """A client that stops sending is given up on; the session stays."""
        server = serve(server={"workers": 2, "clienttimeout": "500ms"})
        client = Client(server.url)
        location = client.start(name)
        head = raw.head("PATCH", path_of(location), "Content-Length: 2000000")
        got = raw.send(server.port, head, b"x" * 1_100_000)
        assert (got.status, errors(got)) == (408, ["BLOB_UPLOAD_INVALID"])
        # What gunicorn was still collecting is lost, at most a MiB.
        assert 1 << 20 <= offset_of(client, location) <= 1_100_000


class TestLengths:
    @pytest.fixture
    def begun(self, client, name):
        return client.start(name)

    @pytest.mark.parametrize(
        ("content_range", "size"), [("0-9", 9), ("0-9", 11), ("0-0", 0), ("0-9", 5000)]
    )
    @pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_that_disagree(self, client, begun, method, content_range, size, chunked):
        """A body of another length than ``Content-Range`` says is 400, and is not published."""
        content = noise(size, seed=size)
        got = client.request(
            method,
            begun,
            query={"digest": Digest.of(content)},
            body=iter([content]) if chunked else content,
            Content_Range=content_range,
        )
        assert (got.status, errors(got)) == (400, ["SIZE_INVALID"])
        assert offset_of(client, begun) <= 9

    @pytest.mark.parametrize(
        "framing",
        [
            b"zz\r\nabc\r\n0\r\n\r\n",
            b"-5\r\nabc\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
            b"3\r\nabcdef\r\n0\r\n\r\n",
            b"3\r\nabc0\r\n\r\n",
            b"3;\r\r\n",
            b"\r\n\r\n",
            b"fffffffffffffffffffffff\r\nabc",
            b"3 \x00\r\nabc\r\n0\r\n\r\n",
        ],
    )
    def test_of_broken_chunks(self, server, client, begun, framing):
        """A body whose chunks are broken is 400 and never a fault of ours."""
        head = raw.head("PATCH", path_of(begun), "Transfer-Encoding: chunked")
        with raw.connection(server.port) as opened:
            opened.sendall(head + framing)
            opened.shutdown(socket.SHUT_WR)
            got = raw.receive(opened)
        assert 400 <= got.status < 500
        assert offset_of(client, begun) <= 3

    @pytest.mark.parametrize(
        "lines",
        [
            ["Content-Length: -1"],
            ["Content-Length: x"],
            ["Content-Length: 1", "Content-Length: 2"],
            ["Content-Length: 3", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding: gzip"],
            ["Transfer-Encoding: chunked, gzip"],
            ["Content-Length: +3"],
            ["Content-Length: " + "9" * 30],
        ],
        ids=lambda lines: ", ".join(lines)[:50],
    )
    def test_of_ambiguous_framing(self, server, client, begun, lines):
        """Headers that leave the length open to choice are refused, and nothing is stored."""
        with raw.connection(server.port) as opened:
            opened.sendall(raw.head("PATCH", path_of(begun), *lines) + b"abc")
            opened.shutdown(socket.SHUT_WR)
            got = raw.receive(opened)
        assert got.status in {400, 408, 501}
        assert offset_of(client, begun) <= 3

    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    @pytest.mark.parametrize(
        "content_range", ["", "x", "5-2", "bytes */5", "-5", "0-", "bytes 0-1/2/3"]
    )
    def test_of_no_range(self, client, begun, method, content_range):
        """A ``Content-Range`` that is none is 416, and the session stands."""
        got = client.request(
            method,
            begun,
            query={"digest": Digest.of(b"ab")},
            body=b"ab",
            Content_Range=content_range,
        )
        assert (got.status, errors(got)) == (416, ["RANGE_INVALID"])
        assert offset_of(client, begun) == 0

    @pytest.mark.parametrize("form", ["{}-{}", "bytes {}-{}/*", "bytes {}-{}/6", "bytes={}-{}"])
    def test_in_every_form(self, client, begun, form):
        """Each form of ``Content-Range`` continues a session and finishes it."""
        got = client.request("PATCH", begun, body=b"abc", Content_Range=form.format(0, 2))
        assert got.status == 202
        got = client.request(
            "PUT",
            got.headers["Location"],
            query={"digest": Digest.of(b"abcdef")},
            body=b"def",
            Content_Range=form.format(3, 5),
        )
        assert got.status == 201


class TestEnding:
    def test_twice_is_404(self, fresh, name):
        """A session is gone once its blob is published."""
        query = {"digest": Digest.of(b"abc")}
        location = fresh().start(name)
        assert fresh().request("PUT", location, query=query, body=b"abc").status == 201
        got = fresh().request("PUT", location, query=query, body=b"abc")
        assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_UNKNOWN"])

    def test_with_a_wrong_digest_is_for_good(self, server, fresh, name):
        """After a wrong digest the session is gone, and nothing of it is left."""
        location = fresh().start(name)
        query = {"digest": Digest.of(b"other")}
        assert fresh().request("PUT", location, query=query, body=b"abc").status == 400
        query = {"digest": Digest.of(b"abc")}
        assert fresh().request("PUT", location, query=query, body=b"abc").status == 404
        assert sessions_of(server, name) == []

    @pytest.mark.parametrize("digest", ["", "sha256:x", "md5:" + "0" * 32, "x"])
    def test_without_a_digest(self, client, name, digest):
        """A PUT with no digest, or none that is one, is 400 and can be tried again."""
        location = client.start(name)
        got = client.request("PUT", location, query={"digest": digest}, body=b"abc")
        assert (got.status, errors(got)) == (400, ["DIGEST_INVALID"])
        query = {"digest": Digest.of(b"abc")}
        assert client.request("PUT", location, query=query, body=b"abc").status == 201

    @pytest.mark.parametrize(
        "query", [{"digest-algorithm": "md5"}, {"digest": "x"}, {"mount": "x"}]
    )
    def test_of_a_start_that_names_no_digest(self, client, name, stored, query):
        """An unknown algorithm or a malformed digest opens no session."""
        before = stored()
        got = client.request("POST", f"/v2/{name}/blobs/uploads/", query=query)
        assert (got.status, errors(got)) == (400, ["DIGEST_INVALID"])
        assert stored() == before

    def test_heals_a_damaged_blob(self, server, client, name):
        """A blob whose file was damaged is whole again once it is pushed again."""
        content = noise(400)
        digest = client.push_blob(name, content)
        shard = server.root / "docker/registry/v2/blobs/sha256" / digest.hex[:2]
        (shard / digest.hex / "data").write_bytes(b"damage")
        client.push_blob(name, content)
        assert client.request("GET", f"/v2/{name}/blobs/{digest}").data == content
