"""The examples run as their readers would run them, and do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from distribution import Digest
from tests.support.client import Client
from tests.support.images import image
from tests.support.server import Server

EXAMPLES = Path(__file__).parents[1] / "examples"
SQLITE = EXAMPLES / "own_driver"


def run(*command: str | Path, **environ: str) -> str:
    """Run a program of Python's; return what it printed."""
    finished = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


class TestScripts:
    """The scripts, each with a folder of its own."""

    def test_embed_store(self, tmp_path):
        """The store is filled, listed and read without a server."""
        listed, found, content = run(EXAMPLES / "embed_store.py", tmp_path).splitlines()
        assert listed == "team/reports: monday, tuesday"
        assert re.fullmatch(r"tuesday is sha256:[0-9a-f]{64}, as pushed: True", found)
        assert content == "all is still well"

    def test_push_and_pull(self, tmp_path):
        """An image goes in without a server, and comes out with and without one, the same."""
        printed = run(EXAMPLES / "push_and_pull.py", tmp_path).splitlines()
        pushed, pulled, *accesses, served = printed
        assert re.fullmatch(r"pushed examples/hello:1 as sha256:[0-9a-f]{64}", pushed)
        assert pulled == f"pulled 3 verified parts from {tmp_path}"
        assert served == "pulled 3 verified parts over HTTP; the same bytes: True"
        assert len([line for line in accesses if '" 200 ' in line]) >= 4


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the SQLite driver; return the environment that finds it."""
    target = tmp_path_factory.mktemp("site")
    quiet = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
    run("-m", "pip", "install", *quiet, "--target", target, SQLITE)
    return {"PYTHONPATH": str(target)}


class TestOwnDriver:
    """A third party's driver, in a package of its own."""

    def test_its_own_test_passes(self, installed):
        """The shipped contract, subclassed in a few lines, finds nothing wrong."""
        printed = run(
            *["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", SQLITE / "pyproject.toml"],
            SQLITE / "test_sqlite_driver.py",
            **installed,
        )
        passed = re.search(r"(\d+) passed", printed)
        assert passed is not None, printed
        assert int(passed[1]) > 100
        assert "failed" not in printed

    def test_a_configuration_names_it(self, installed, tmp_path, name):
        """`distribution serve` finds it by its entry point, pushes into it and pulls from it."""
        database = tmp_path / "images.db"
        storage = {"sqlite": {"file": str(database)}, "delete": {"enabled": True}}
        pushed = image()
        with Server(tmp_path / "server", {"storage": storage}, installed) as server:
            client = Client(server.url)
            client.push(name, "v1", pushed)
            assert client.request("GET", f"/v2/{name}/manifests/v1").data == pushed.manifest
            for content in pushed.blobs:
                got = client.request("GET", f"/v2/{name}/blobs/{Digest.of(content)}")
                assert got.data == content
        assert database.stat().st_size > sum(map(len, pushed.blobs))

    def test_a_session_goes_on_in_any_worker(self, installed, tmp_path, name):
        """An upload in pieces, through two workers, is whole in the end."""
        storage = {"sqlite": {"file": str(tmp_path / "images.db")}}
        pieces = [bytes([n]) * 100_000 for n in range(12)]
        with Server(tmp_path / "server", {"storage": storage}, installed) as server:
            location = Client(server.url).start(name)
            for piece in pieces:
                # A connection of its own for each: any of the workers may take it.
                answer = Client(server.url).request("PATCH", location, body=piece)
                assert answer.status == 202, answer.data
                location = answer.headers["Location"]
            client = Client(server.url)
            digest = client.push_blob(f"{name}/whole", b"".join(pieces))
            answer = client.request("PUT", location, query={"digest": str(digest)})
            assert answer.status == 201, answer.data
            assert client.request("GET", f"/v2/{name}/blobs/{digest}").data == b"".join(pieces)

    def test_a_wrong_parameter_stops_the_start(self, installed, tmp_path):
        """The driver's own parameters are checked before anything is served."""
        config = tmp_path / "config.yml"
        config.write_text("version: 0.1\nstorage: {sqlite: {fiel: images.db}}\n")
        finished = subprocess.run(
            [sys.executable, "-m", "distribution", "serve", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **installed},
            check=False,
        )
        assert finished.returncode == 2
        assert "storage.sqlite.file" in finished.stderr
