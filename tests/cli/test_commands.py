"""The two commands: what they print, and the codes they exit with."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from distribution.cli import distribution, registry
from distribution.cli.failures import OneLineGroup
from distribution.cli.serve import default_folder
from distribution.errors import DriverError
from distribution.version import VERSION

COMMANDS = {"distribution": distribution.main, "registry": registry.main}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command in this process, with no variables of ours and a home of its own."""
    for name in os.environ:
        if name.startswith("REGISTRY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    def invoke(name, *args):
        return CliRunner().invoke(COMMANDS[name], args, prog_name=name)

    return invoke


@pytest.fixture
def config(tmp_path):
    """Write a configuration file; return its path as text."""

    def write(text):
        path = tmp_path / "config.yml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def taken():
    """A port that somebody listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def script(name):
    """Return the way to an installed console script, beside the interpreter."""
    return str(Path(sys.executable).with_name(name))


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("distribution", ["--version"], f"distribution, version {VERSION}\n"),
        ("registry", ["--version"], f"registry distribution {VERSION}\n"),
        ("registry", ["-v"], f"registry distribution {VERSION}\n"),
    ],
)
def test_version(run, name, args, expected):
    """Each command tells its version on standard output."""
    result = run(name, *args)
    assert (result.exit_code, result.stdout) == (0, expected)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("registry", ["help"]),
        ("registry", ["--help"]),
        ("registry", ["-h"]),
        ("distribution", ["--help"]),
        ("distribution", ["-h"]),
    ],
)
def test_help_names_the_verbs(run, name, args):
    """Help goes to standard output, and is no failure."""
    result = run(name, *args)
    assert result.exit_code == 0
    assert f"Usage: {name}" in result.stdout
    assert "serve" in result.stdout


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("distribution", ["sevre"]),
        ("distribution", ["serve", "--port", "5"]),
        ("distribution", ["serve", "a", "b"]),
        ("distribution", ["serve", "/"]),
        ("registry", ["garbage"]),
    ],
)
def test_wrong_usage(run, name, args):
    """What the command does not know is 2, on standard error."""
    result = run(name, *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("version: 0.2\nstorage: inmemory\n", "version: ", id="version"),
        pytest.param("version: 0.1\n", "storage: ", id="no storage"),
        pytest.param("version: 0.1\nstorage: inmemory\nauth: {silly: {}}\n", "auth: ", id="auth"),
        pytest.param("{", "not YAML: ", id="no YAML"),
    ],
)
def test_wrong_configuration(run, config, name, text, message):
    """A wrong file is one line that names it, and 2."""
    path = config(text)
    result = run(name, "serve", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{name}: configuration error: {path}: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_missing_file(run, name, tmp_path):
    """A file that is not there is one line, and 2."""
    result = run(name, "serve", f"{tmp_path}/none.yml")
    assert result.exit_code == 2
    assert result.stderr == (
        f"{name}: configuration error: {tmp_path}/none.yml: No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("storage: {tape: {}}", "storage.tape: no such driver", id="driver"),
        pytest.param(
            "storage: {filesystem: {root: /x}}", "storage.filesystem.root: ", id="parameter"
        ),
        pytest.param(
            "storage: inmemory\nhttp: {addr: nowhere}", "http.addr: no host", id="no port"
        ),
        pytest.param(
            "storage: inmemory\nhttp: {addr: '127.0.0.1:99999'}",
            "http.addr: 127.0.0.1:99999: ",
            id="port",
        ),
        pytest.param(
            "storage: inmemory\nhttp: {addr: '192.0.2.1:5000'}",
            "http.addr: 192.0.2.1:5000: ",
            id="host",
        ),
    ],
)
def test_what_cannot_be_served(run, config, text, message):
    """Whatever stops a registry is told before it starts."""
    result = run("distribution", "serve", config(f"version: 0.1\n{text}\n"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"configuration error: {message}" in result.stderr
    assert result.stderr.count("\n") == 1


def test_taken_port(run, tmp_path, taken):
    """A port that somebody listens at is not shared with him."""
    result = run("distribution", "serve", "--addr", f"127.0.0.1:{taken}", "--data", f"{tmp_path}/d")
    assert result.exit_code == 2
    assert result.stderr == (
        f"distribution: configuration error: http.addr: 127.0.0.1:{taken}: Address already in use\n"
    )


def test_data_with_another_driver(run, config):
    """`--data` is for the filesystem driver, and never quietly without effect."""
    path = config("version: 0.1\nstorage: inmemory\n")
    result = run("distribution", "serve", path, "--data", "/somewhere")
    assert result.exit_code == 2
    assert result.stderr == (
        "distribution: configuration error: --data: the storage driver is inmemory\n"
    )


def test_file_by_variable(run, config, monkeypatch):
    """`REGISTRY_CONFIGURATION_PATH` names the file for both commands."""
    path = config("version: 0.3\nstorage: inmemory\n")
    monkeypatch.setenv("REGISTRY_CONFIGURATION_PATH", path)
    for name in COMMANDS:
        result = run(name, "serve")
        assert result.exit_code == 2
        assert f"{path}: version: " in result.stderr


def test_registry_looks_in_the_usual_places(run, config, monkeypatch, tmp_path):
    """Without a file, `registry` takes those of Distribution's images, or says that it has none."""
    monkeypatch.setattr(registry, "_USUAL_PLACES", (tmp_path / "3.yml", tmp_path / "config.yml"))
    result = run("registry", "serve")
    assert result.exit_code == 2
    assert result.stderr == ("registry: configuration error: configuration path not specified\n")
    path = config("version: 0.3\nstorage: inmemory\n")
    assert f"{path}: version: " in run("registry", "serve").stderr


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/me"}, "/home/me/.local/share/distribution"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "/data/distribution"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": ""}, "/home/me/.local/share/distribution"),
    ],
)
def test_default_folder(monkeypatch, environ, expected):
    """A registry that was told nothing keeps its content in the user's data folder."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert str(default_folder()) == expected


def test_greeting(run, monkeypatch, tmp_path):
    """The start-up line names address, folder and workers, and how to open it to the network."""
    from distribution.registry.server import Server  # noqa: PLC0415 - as the command does

    monkeypatch.setattr(Server, "run", lambda self: None)
    result = run("distribution", "serve", "--addr", "127.0.0.1:0", "--data", str(tmp_path / "d"))
    first, second = result.stderr.splitlines()
    assert result.exit_code == 0
    assert f"serving http://127.0.0.1:0/ from filesystem {tmp_path}/d with " in first
    assert "only this machine can reach it" in second
    opened = run("distribution", "serve", "--addr", ":0", "--data", str(tmp_path / "d"))
    assert "serving http://localhost:0/" in opened.stderr
    assert "only this machine" not in opened.stderr


# --- as real processes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param([sys.executable, "-m", "distribution", "--version"], 0, id="module"),
        pytest.param([script("distribution"), "--version"], 0, id="distribution"),
        pytest.param([script("registry"), "--version"], 0, id="registry"),
        pytest.param([script("registry"), "help"], 0, id="help"),
        pytest.param([script("distribution"), "serve", "/none.yml"], 2, id="missing file"),
        pytest.param([sys.executable, "-m", "distribution", "nothing"], 2, id="no such verb"),
    ],
)
def test_exit_codes(command, code, tmp_path):
    """A shell sees 0 or 2; whatever fails says so in a line, and not by a traceback."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environ, check=False
    )
    assert done.returncode == code, done.stderr
    assert bool(done.stderr) == bool(code)
    assert "Traceback" not in done.stderr


def test_failure_that_is_no_mistake():
    """What fails though all settings are right is 1, in one line."""

    @click.group(cls=OneLineGroup)
    def group():
        pass

    @group.command()
    def work():
        raise DriverError("filesystem: /a: No space left on device")

    result = CliRunner().invoke(group, ["work"], prog_name="distribution")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "distribution: filesystem: /a: No space left on device\n"


def test_bugs_are_not_hidden():
    """What nobody foresaw is a traceback, to be reported."""

    @click.group(cls=OneLineGroup)
    def group():
        pass

    @group.command()
    def work():
        raise ZeroDivisionError

    result = CliRunner().invoke(group, ["work"])
    assert type(result.exception) is ZeroDivisionError
