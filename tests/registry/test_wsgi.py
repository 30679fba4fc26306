"""From settings to an application, and the parts of it that a request seldom meets."""

import io
import stat
import threading

import pytest
from falcon import testing

from distribution import Digest
from distribution.config import load
from distribution.errors import ConfigurationError
from distribution.registry import wsgi
from distribution.registry.body import CHUNK_BYTES
from distribution.registry.parts import LimitedReader
from distribution.registry.server import Server
from distribution.storage.drivers.filesystem import FilesystemDriver
from distribution.storage.drivers.memory import MemoryDriver
from tests.support.images import image, index, noise
from tests.support.local import Local
from tests.support.server import errors


@pytest.fixture
def write(tmp_path):
    """Write a configuration with *more* in it; return its path."""

    def writer(more: str = "", storage: str = "inmemory: {}"):
        path = tmp_path / "config.yml"
        path.write_text(f'version: "0.1"\nstorage:\n  {storage}\n{more}')
        return path

    return writer


class TestCreate:
    def test_from_a_path(self, write):
        """A path is all it takes."""
        local = Local(wsgi.create(str(write())))
        assert local.request("GET", "/v2/").status == 200

    def test_from_a_variable(self, write, monkeypatch):
        """Without a path the variable of Distribution's images names the file."""
        monkeypatch.setenv("REGISTRY_CONFIGURATION_PATH", str(write()))
        assert Local(wsgi.create()).request("GET", "/v2/").status == 200

    def test_from_nothing(self, monkeypatch):
        """With neither, it says what is missing."""
        monkeypatch.delenv("REGISTRY_CONFIGURATION_PATH", raising=False)
        with pytest.raises(ConfigurationError, match="REGISTRY_CONFIGURATION_PATH"):
            wsgi.create()

    def test_of_unknown_storage(self, write):
        """A driver that nobody knows is an error at once, not at the first request."""
        with pytest.raises(ConfigurationError, match="tape"):
            wsgi.create(str(write(storage="tape: {}")))


class TestSettings:
    @pytest.mark.parametrize(
        ("more", "method", "path", "status"),
        [
            ("catalog: {maxentries: 5}", "GET", "/v2/_catalog?n=6", 400),
            ("catalog: {maxentries: 5}", "GET", "/v2/_catalog?n=5", 200),
            ("http: {prefix: /x/}", "GET", "/x/v2/", 200),
            ("http: {prefix: /x/}", "GET", "/v2/", 404),
            ("", "DELETE", f"/v2/a/blobs/{Digest.of(b'')}", 405),
        ],
    )
    def test_reach_the_application(self, write, more, method, path, status):
        """What the file says is what is served."""
        local = Local(wsgi.create(str(write(more))))
        assert local.request(method, path).status == status

    def test_of_deletes_reach_the_application(self, write):
        """Deletes can be switched on."""
        storage = "inmemory: {}\n  delete: {enabled: true}"
        local = Local(wsgi.create(str(write(storage=storage))))
        got = local.request("DELETE", f"/v2/a/blobs/{Digest.of(b'')}")
        assert (got.status, errors(got)) == (404, ["BLOB_UNKNOWN"])

    VALIDATION = "validation: {{manifests: {{indexes: {{platforms: list, platformlist: [{}]}}}}}}"

    @pytest.mark.parametrize(
        ("listed", "status"),
        [
            ("{os: linux, architecture: arm64}", 201),
            ("{os: linux, architecture: amd64}", 400),
        ],
    )
    def test_of_platforms_reach_the_application(self, write, listed, status):
        """Only children on listed platforms must be there; the first is on linux/amd64."""
        local = Local(wsgi.create(str(write(self.VALIDATION.format(listed)))))
        assert local.push_manifest("repo", "v1", index(image())).status == status

    def test_of_no_validation_reach_the_application(self, write):
        """``validation.disabled`` takes an index without its children."""
        local = Local(wsgi.create(str(write("validation: {disabled: true}"))))
        assert local.push_manifest("repo", "v1", index(image())).status == 201

    @pytest.mark.parametrize(
        ("rules", "status"),
        [
            ("allow: ['^https://good/']", 201),
            ("allow: ['^https://other/']", 400),
            ("deny: ['^https://good/']", 400),
            ("deny: ['^https://other/']", 201),
            ("allow: ['^https://good/'], deny: ['layer$']", 400),
        ],
    )
    def test_of_urls_reach_the_application(self, write, rules, status):
        """A layer's URL must match what is allowed, and nothing that is denied."""
        setting = f"validation: {{manifests: {{urls: {{{rules}}}}}}}"
        local = Local(wsgi.create(str(write(setting))))
        content = noise(10)
        made = image(content)
        foreign = {
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "digest": str(Digest.of(b"elsewhere")),
            "size": 9,
            "urls": ["https://good/layer"],
        }
        made = image(content, layers=[foreign])
        local.push_blob("repo", made.blobs[0])
        assert local.push_manifest("repo", "v1", made).status == status


class TestSecret:
    def test_is_made_once(self, tmp_path):
        """All who share a store share the secret, whoever comes first."""
        secrets = set()
        drivers = [FilesystemDriver(tmp_path) for _ in range(8)]
        threads = [
            threading.Thread(target=lambda each=each: secrets.add(wsgi.shared_secret(each)))
            for each in drivers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(secret) for secret in secrets] == [32]

    def test_is_the_owners_alone(self, tmp_path):
        """Nobody else on the machine can read it, and no part file is left."""
        wsgi.shared_secret(FilesystemDriver(tmp_path))
        (path,) = (tmp_path / ".distribution").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_of_a_store_in_memory_is_its_own(self):
        """Where nothing is shared, each has a secret of its own."""
        first, second = (wsgi.shared_secret(MemoryDriver()) for _ in range(2))
        assert (len(first), first != second) == (32, True)

    def test_of_a_store_that_cannot_be_written(self, tmp_path):
        """A store that takes no secret still serves."""
        (tmp_path / ".distribution").write_text("in the way")
        driver = FilesystemDriver(tmp_path)
        assert len(wsgi.shared_secret(driver)) == 32

    def test_of_the_file_signs_states(self, write):
        """Two registries with the same ``http.secret`` accept each other's states."""
        path = str(write("http: {secret: both}"))
        first, second = Local(wsgi.create(path)), Local(wsgi.create(path))
        theirs = first.start("repo").partition("_state=")[2]
        mine = second.start("repo").partition("?")[0]
        # A true state of another session is refused for that, not for its signature.
        got = second.request("GET", f"{mine}?_state={theirs}")
        assert (got.status, errors(got)) == (404, ["BLOB_UPLOAD_INVALID"])


class TestServer:
    @pytest.fixture
    def server(self, write, tmp_path):
        """Build a server, without running it, of settings in *more*."""

        def build(more: str = "", storage: str | None = None) -> Server:
            root = storage or f"filesystem: {{rootdirectory: {tmp_path / 'root'}}}"
            return Server(load(write(more, root), {}))

        return build

    @pytest.mark.parametrize(
        ("more", "setting", "expected"),
        [
            ("server: {workers: 3}", "workers", 3),
            ("server: {threads: 64}", "threads", 64),
            ("server: {keepalive: 10s}", "keepalive", 10),
            ("http: {draintimeout: 5s}", "graceful_timeout", 5),
            ("", "graceful_timeout", 60),
            ("http: {addr: '127.0.0.1:5001'}", "bind", ["127.0.0.1:5001"]),
            ("http: {addr: /tmp/x, net: unix}", "bind", ["unix:/tmp/x"]),
            ("http: {addr: /tmp/x, net: unix}", "reuse_port", False),
            ("", "reuse_port", True),
            ("log: {level: warn}", "loglevel", "warning"),
            ("log: {level: debug}", "loglevel", "debug"),
            ("log: {accesslog: {disabled: true}}", "accesslog", None),
            ("", "accesslog", "-"),
            ("", "forwarder_headers", []),
            ("", "control_socket_disable", True),
        ],
    )
    def test_is_told_what_the_file_says(self, server, more, setting, expected):
        """Settings become gunicorn's own."""
        assert getattr(server(more).cfg, setting) == expected

    def test_has_two_workers_at_least(self, server, monkeypatch):
        """On a machine with one processor a stuck worker must not stop all."""
        monkeypatch.setattr("os.cpu_count", lambda: 1)
        assert server().workers == 2

    def test_of_a_store_in_memory_is_one_process(self, server):
        """What one process keeps in memory another cannot serve."""
        assert server("server: {workers: 4}", "inmemory: {}").workers == 1

    def test_gives_all_workers_one_secret(self, server):
        """States of one worker are good for all, in memory too."""
        built = server(storage="inmemory: {}")
        first, second = Local(built.load()), Local(built.load())
        state = first.start("repo").partition("?")[2]
        got = second.request("GET", f"/v2/repo/blobs/uploads/x?{state}")
        assert errors(got) == ["BLOB_UPLOAD_INVALID"]


class Broken(io.BytesIO):
    """A body that fails after a while, as servers' own streams do."""

    def __init__(self, content: bytes, error: Exception) -> None:
        super().__init__(content)
        self.error = error

    def read(self, size: int = -1) -> bytes:
        content = super().read(size)
        if not content:
            raise self.error
        return content


class TestBodies:
    """Bodies from a server that is not gunicorn."""

    def patch(self, local: Local, stream: io.BytesIO, **environ: str) -> tuple[int, str]:
        location = local.start("repo").removeprefix(local.url)
        path, _, query = location.partition("?")
        made = testing.create_environ(path, method="PATCH", query_string=query)
        made.pop("CONTENT_LENGTH", None)
        made.update({"wsgi.input": stream, **environ})
        record = testing.StartResponseMock()
        b"".join(local.app(made, record))
        got = local.request("GET", path)
        return int(record.status[:3]), got.headers["Range"]

    def test_without_a_length_are_empty(self, local):
        """Neither a length nor chunks is no body (RFC 9112, 6.3)."""
        assert self.patch(local, io.BytesIO(b"abc")) == (202, "0-0")

    def test_in_chunks_are_read_to_the_end(self, local):
        """A server that decodes chunks ends the stream with them."""
        got = self.patch(local, io.BytesIO(b"abc"), HTTP_TRANSFER_ENCODING="chunked")
        assert got == (202, "0-2")

    def test_are_not_read_beyond_their_length(self, local):
        """A stream that goes on with the next request is left there."""
        assert self.patch(local, io.BytesIO(b"abcdef"), CONTENT_LENGTH="3") == (202, "0-2")

    def test_that_end_early_are_408(self, local):
        """Fewer bytes than declared is no end."""
        assert self.patch(local, io.BytesIO(b"abc"), CONTENT_LENGTH="5") == (408, "0-2")

    @pytest.mark.parametrize(
        ("error", "status"), [(OSError("reset"), 408), (RuntimeError("bad chunk"), 400)]
    )
    def test_that_break_off(self, local, error, status):
        """A lost connection and broken framing differ, and what came stays."""
        stream = Broken(noise(CHUNK_BYTES), error)
        got = self.patch(local, stream, HTTP_TRANSFER_ENCODING="chunked")
        assert got == (status, f"0-{CHUNK_BYTES - 1}")

    @pytest.mark.parametrize("length", ["-1", "x", "1.5"])
    def test_of_no_length_are_400(self, local, length):
        """A server that lets a broken length through does not break us."""
        assert self.patch(local, io.BytesIO(b"abc"), CONTENT_LENGTH=length)[0] == 400


class TestLimitedReader:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ([None], [b"abcde"]),
            ([-1], [b"abcde"]),
            ([2, 2, 2, 2], [b"ab", b"cd", b"e", b""]),
            ([0, 100], [b"", b"abcde"]),
        ],
    )
    def test_stops_in_time(self, sizes, expected):
        """However it is read, it gives the bytes of its part and no more."""
        reader = LimitedReader(io.BytesIO(b"abcdefgh"), 5)
        assert [reader.read(size) for size in sizes] == expected

    def test_closes_its_file(self):
        """Closing it closes what it reads from."""
        stream = io.BytesIO(b"abc")
        LimitedReader(stream, 2).close()
        assert stream.closed
