"""The server as a process: started, reached and stopped in each of its ways."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from distribution import Digest
from tests.support import raw
from tests.support.client import Client
from tests.support.images import image, noise
from tests.support.server import Server, errors, settings


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def wait_until(true, what: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def connect_for(seconds: float, port: int) -> None:
    """Connect again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.05)


class TestStopping:
    def test_ends_with_success(self, serve):
        """SIGTERM ends the server with exit code 0."""
        assert serve().stop() == 0

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_lets_requests_end(self, serve, name, method):
        """A request that is under way at SIGTERM is answered before the server ends."""
        server = serve()
        content = noise(300_000)
        url = urlsplit(Client(server.url).start(name))
        path = f"{url.path}?{url.query}&digest={Digest.of(content)}"
        with raw.connection(server.port) as opened:
            opened.sendall(raw.head(method, path, f"Content-Length: {len(content)}"))
            opened.sendall(content[:1000])
            claim = server.root / ".distribution/uploads" / url.path.rpartition("/")[2]
            wait_until(claim.exists, "the request does not begin")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "term" in server.log.lower(), "the signal does not arrive")
            opened.sendall(content[1000:])
            assert raw.receive(opened).status == {"PUT": 201, "PATCH": 202}[method]
        assert server.process.wait(30) == 0

    def test_waits_no_longer_than_told(self, serve_http, name):
        """A request that never ends is cut off after ``http.draintimeout``."""
        server = serve_http(draintimeout="1s")
        url = urlsplit(Client(server.url).start(name))
        with raw.connection(server.port) as opened:
            opened.sendall(raw.head("PATCH", f"{url.path}?{url.query}", "Content-Length: 10"))
            opened.sendall(b"12345")
            claim = server.root / ".distribution/uploads" / url.path.rpartition("/")[2]
            wait_until(claim.exists, "the request does not begin")
            began = time.monotonic()
            assert server.stop() == 0
        assert time.monotonic() - began < 15

    def test_keeps_what_was_stored(self, serve, name):
        """Another server over the same folder serves the same, and goes on with sessions."""
        first = serve()
        client = Client(first.url)
        made = image()
        client.push(name, "v1", made)
        location = client.request("PATCH", client.start(name), body=b"abc").headers["Location"]
        assert first.stop() == 0
        storage = {"filesystem": {"rootdirectory": str(first.root)}}
        client = Client(serve("second", storage=storage).url)
        assert client.request("GET", f"/v2/{name}/manifests/v1").data == made.manifest
        url = urlsplit(location)
        got = client.request(
            "PUT", f"{url.path}?{url.query}", query={"digest": Digest.of(b"abcdef")}, body=b"def"
        )
        assert got.status == 201

    def test_new_clients_are_refused_while_requests_end(self, serve, name):
        """A worker that drains takes nobody in whom it will never answer."""
        server = serve()
        url = urlsplit(Client(server.url).start(name))
        with raw.connection(server.port) as under_way:
            head = raw.head("PATCH", f"{url.path}?{url.query}", "Content-Length: 2")
            under_way.sendall(head + b"a")
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionRefusedError):
                connect_for(10, server.port)
            under_way.sendall(b"b")
            assert raw.receive(under_way).status == 202
        assert server.process.wait(30) == 0


class TestWorkers:
    def test_are_as_many_as_asked_for(self, serve):
        """``server.workers`` processes answer."""
        server = serve(server={"workers": 3})
        wait_until(lambda: len(server.workers) == 3, "not three workers")

    def test_are_made_again(self, serve, name):
        """A worker that is killed is replaced, and the session it served goes on."""
        server = serve()
        client = Client(server.url)
        location = client.request("PATCH", client.start(name), body=b"abc").headers["Location"]
        wait_until(lambda: len(server.workers) == 2, "not two workers")
        before = server.workers
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: len(server.workers) == 2 and not set(before) & set(server.workers),
            "the workers are not replaced",
        )
        server.wait()
        query = {"digest": Digest.of(b"abc")}
        assert Client(server.url).request("PUT", location, query=query).status == 201

    def test_share_memory_by_being_one(self, serve, name):
        """A store in memory is served by a single process, whatever was asked for."""
        server = serve(storage={"inmemory": {}}, server={"workers": 4})
        made = image()
        Client(server.url).push(name, "v1", made)
        assert len(server.workers) == 1
        for _ in range(5):
            got = Client(server.url).request("GET", f"/v2/{name}/manifests/v1")
            assert got.data == made.manifest


class TestAccessLog:
    def test_tells_how_much_was_sent(self, serve, name):
        """Bytes that the kernel sent count too; HEAD sent none."""
        server = serve()
        client = Client(server.url)
        digest = client.push_blob(name, noise(54_321))
        path = f"/v2/{name}/blobs/{digest}"
        for method in ("GET", "HEAD"):
            client.request(method, path)
        client.request("GET", path, Range="bytes=0-98")
        assert server.stop() == 0
        pattern = re.compile(rf'"(GET|HEAD) {re.escape(path)} HTTP/1.1" (\d+) (\S+)')
        assert pattern.findall(server.log) == [
            ("GET", "200", "54321"),
            ("HEAD", "200", "0"),
            ("GET", "206", "99"),
        ]

    def test_can_be_off(self, serve):
        """``log.accesslog.disabled`` leaves requests out of the log."""
        server = serve(log={"accesslog": {"disabled": True}})
        Client(server.url).request("GET", "/v2/")
        assert server.stop() == 0
        assert "GET /v2/" not in server.log


@contextmanager
def running(
    command: list[str], folder: Path, environ: dict[str, str]
) -> Iterator[subprocess.Popen]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environ})
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0, (folder / "log").read_text()


class TestOwnServer:
    @pytest.mark.parametrize("by", ["argument", "variable"])
    def test_of_gunicorn(self, tmp_path, name, by):
        """``distribution.registry.wsgi:create`` is all that another gunicorn needs."""
        server = Server(tmp_path)
        config = tmp_path / "config.yml"
        config.write_text(yaml.safe_dump(settings(server.root, server.port)))
        argument = f'"{config}"' if by == "argument" else ""
        command = [
            *(sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "2", "--threads", "8"),
            *("-b", server.address, f"distribution.registry.wsgi:create({argument})"),
        ]
        environ = {} if argument else {"REGISTRY_CONFIGURATION_PATH": str(config)}
        with running(command, tmp_path, environ):
            wait_until(lambda: is_listening(server.port), "gunicorn does not listen")
            made = image()
            content = noise(50_000)
            digest = Digest.of(content)
            location = Client(server.url).start(name)
            for start in range(0, 50_000, 5000):  # any worker knows the others' states
                got = Client(server.url).request(
                    "PATCH", location, body=content[start : start + 5000]
                )
                assert got.status == 202
                location = got.headers["Location"]
            client = Client(server.url)
            assert client.request("PUT", location, query={"digest": digest}).status == 201
            client.push(name, "v1", made)
            assert client.request("GET", f"/v2/{name}/manifests/v1").data == made.manifest
            assert client.request("GET", f"/v2/{name}/blobs/{digest}").data == content

    def test_over_a_unix_socket(self, tmp_path):
        """``http.net: unix`` serves at a path."""
        with tempfile.TemporaryDirectory() as short:  # a socket's path holds 108 bytes at most
            address = f"{short}/socket"
            http_section = {"net": "unix", "addr": address}
            config = tmp_path / "config.yml"
            config.write_text(
                yaml.safe_dump({**settings(tmp_path / "root", 0), "http": http_section})
            )
            command = [sys.executable, "-m", "distribution", "serve", str(config)]
            with running(command, tmp_path, {}):
                wait_until(lambda: Path(address).exists(), "no socket")
                assert over_unix(address, "GET", "/v2/") == (200, b"{}")
                status, _ = over_unix(address, "POST", "/v2/repo/blobs/uploads/")
                assert status == 202


def over_unix(address: str, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("localhost", timeout=30)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.settimeout(30)
        opened.connect(address)
        connection.sock = opened
        connection.request(method, path, headers={"Content-Length": "0"})
        with connection.getresponse() as response:
            return response.status, response.read()


class TestConnections:
    def test_are_kept(self, server, name):
        """Requests on one connection, one after another, are answered in order."""
        with raw.connection(server.port) as opened:
            for path, status in (("/v2/", 200), ("/x", 404), ("/v2/", 200)) * 3:
                opened.sendall(raw.head("GET", path))
                assert raw.receive(opened).status == status

    def test_expecting_100_are_told_to_go_on(self, server, client, name):
        """``Expect: 100-continue`` is answered before the body is sent."""
        content = b"abc"
        url = urlsplit(client.start(name))
        path = f"{url.path}?{url.query}&digest={Digest.of(content)}"
        lines = [f"Content-Length: {len(content)}", "Expect: 100-continue"]
        with raw.connection(server.port) as opened:
            opened.sendall(raw.head("PUT", path, *lines))
            assert opened.recv(100).startswith(b"HTTP/1.1 100 ")
            opened.sendall(content)
            assert raw.receive(opened).status == 201

    def test_refused_with_a_body_stay_in_step_or_close(self, server, client, name):
        """A body that was refused unread is never taken for the next request."""
        body = b"GET /v2/smuggled HTTP/1.1\r\nHost: x\r\n\r\n" * 100
        session = "00000000-0000-4000-8000-000000000000"
        head = raw.head(
            "PATCH", f"/v2/{name}/blobs/uploads/{session}", f"Content-Length: {len(body)}"
        )
        with raw.connection(server.port) as opened:
            opened.sendall(head + body)
            got = raw.receive(opened)
            assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_UNKNOWN"])
            try:
                opened.sendall(raw.head("GET", "/v2/"))
                following = raw.receive(opened)
            except ConnectionError:
                return
        assert following.status in {0, 200}
        assert following.data in {b"", b"{}"}

    def test_of_http_1_0_are_answered(self, server):
        """An old client is served, and its connection closed."""
        with raw.connection(server.port) as opened:
            opened.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: opened.recv(4096), b""))
        assert answer.endswith(b"\r\n\r\n{}")

    def test_that_are_slow_do_not_stop_the_rest(self, server, client, name):
        """Sixty half-sent uploads on each worker's threads leave room for a ping."""
        held = []
        try:
            for _ in range(120):
                opened = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                held.append(opened)
                url = urlsplit(client.start(name))
                head = raw.head("PATCH", f"{url.path}?{url.query}", "Content-Length: 100")
                opened.sendall(head + b"x")
            began = time.monotonic()
            assert Client(server.url).request("GET", "/v2/").status == 200
            assert time.monotonic() - began < 5
        finally:
            for opened in held:
                opened.close()
