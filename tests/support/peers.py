"""Other people's programs beside our registry: clients, their daemons, and Docker Distribution.

Each daemon listens on loopback or a socket in its own folder, writes to a log there, and is ended
by its process id.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
import yaml

from tests.support.tools import free_port, require

START_SECONDS = 60
STOP_SECONDS = 30
RUN_SECONDS = 120


def environ(folder: Path) -> dict[str, str]:
    """Return an environment in which a client finds nothing of this machine's user."""
    home = folder / "home"
    (home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "tmp").mkdir(exist_ok=True)
    # Our own commands are started this way too, and their coverage is measured.
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **coverage,
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "TMPDIR": str(home / "tmp"),
    }


def run(*command: object, folder: Path, check: bool = True, **environment: str) -> str:
    """Run a client's command to its end; return what it printed.

    That is standard output; where failing is allowed (*check* is false), all of both.
    """
    done = subprocess.run(
        [str(part) for part in command],
        env={**environ(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    if check:
        shown = " ".join(done.args)
        assert done.returncode == 0, f"{shown}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if check else done.stdout + done.stderr


class Daemon:
    """A process that serves until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def launch(self, *command: object, **environment: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=log,
                stderr=log,
                env={**environ(self.folder), **environment},
                start_new_session=True,
            )

    def wait(self, is_ready: Callable[[], bool]) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            if is_ready():
                return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"not ready within {START_SECONDS} s:\n{self.log}")

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()


class Dockerd(Daemon):
    """A real Docker engine, which needs no network of its own to push and pull."""

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/s.sock"

    def start(self) -> Self:
        require("dockerd", "docker", "containerd")
        self.launch(
            *("dockerd", "-H", self.host, "--pidfile", self.folder / "pid"),
            *("--data-root", self.folder / "root", "--exec-root", self.folder / "exec"),
            *("--storage-driver", "vfs", "--iptables=false", "--bridge", "none"),
            *("--insecure-registry", "127.0.0.0/8"),
        )
        self.wait(lambda: "API listen on" in self.log)
        return self

    def docker(self, *arguments: object, check: bool = True) -> str:
        return run("docker", *arguments, folder=self.folder, check=check, DOCKER_HOST=self.host)


class Containerd(Daemon):
    """containerd without the plugins that want more than a folder."""

    CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.restart"]
[grpc]
address = "{folder}/s.sock"
"""

    def start(self) -> Self:
        require("containerd", "ctr")
        config = self.folder / "c.toml"
        config.write_text(self.CONFIG.format(folder=self.folder))
        self.launch("containerd", "-c", config)
        self.wait(lambda: "successfully booted" in self.log)
        return self

    def ctr(self, *arguments: object) -> str:
        return run("ctr", "-a", self.folder / "s.sock", *arguments, folder=self.folder)


@dataclass
class DockerRegistry:
    """Docker Distribution 2.8 itself, on a tree that it may share with us.

    The descriptor cache is off: with it, by its own design, it does not see what others delete.
    """

    folder: Path
    root: Path
    secret: str = "as ours"
    sections: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        require("docker-registry")
        self.daemon = Daemon(self.folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        return self.daemon.log

    @property
    def config(self) -> Path:
        document = {
            "version": "0.1",
            "storage": {
                "filesystem": {"rootdirectory": str(self.root)},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.address, "secret": self.secret},
            # Its mirror of our rule: foreign layers may name any web address.
            "validation": {"manifests": {"urls": {"allow": ["^https?://"]}}},
            **self.sections,
        }
        path = self.folder / "config.yml"
        path.write_text(yaml.safe_dump(document))
        return path

    def start(self) -> Self:
        self.daemon.launch("docker-registry", "serve", self.config)
        self.daemon.wait(self._answers)
        return self

    def stop(self) -> None:
        self.daemon.stop()

    def collect_garbage(self) -> str:
        """Run its garbage collector, which must not meet a running server; return its report."""
        return run("docker-registry", "garbage-collect", self.config, folder=self.folder)

    def _answers(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/v2/", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()
